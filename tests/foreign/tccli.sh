#!/usr/bin/env bash
# Tencent's command line: run, wait, cancel, errors. It has no option for the scheme, so the endpoint contains it, and
# the scheme becomes part of the signed Host header.
set -euo pipefail
tccli=$1
tat() { "$tccli" tat "$@" --endpoint "$GUESTEXEC_TAT_ENDPOINT"; }
field() { python3 -c "import json,sys; print(eval('json.load(sys.stdin)' + sys.argv[1]))" "$1"; }
tasks() { tat DescribeInvocationTasks --Filters "[{\"Name\":\"invocation-id\",\"Values\":[\"$1\"]}]" --HideOutput False "${@:2}"; }

instances="[\"$GUESTEXEC_TAT_INSTANCE_ID\"]"
content=$(printf 'echo from tccli' | base64)
invocation=$(tat RunCommand --Content "$content" --InstanceIds "$instances" --Timeout 60 | field '["InvocationId"]')
output=$(tasks "$invocation" --waiter '{"expr":"InvocationTaskSet[0].TaskStatus","to":"SUCCESS","timeout":30,"interval":1}' \
    | field '["InvocationTaskSet"][0]["TaskResult"]["Output"]' | base64 -d)
[ "$output" = "from tccli" ]

sleeping=$(printf 'sleep 1000' | base64)
invocation=$(tat RunCommand --Content "$sleeping" --InstanceIds "$instances" | field '["InvocationId"]')
tat CancelInvocation --InvocationId "$invocation" >/dev/null
for _ in 1 2 3 4 5 6 7 8 9 10; do
    status=$(tasks "$invocation" | field '["InvocationTaskSet"][0]["TaskStatus"]')
    case $status in TERMINATED | CANCELLED) break ;; esac
done
case $status in TERMINATED | CANCELLED) ;; *) echo "it stays $status"; exit 1 ;; esac

command=$(tat CreateCommand --CommandName tccli --Content "$content" | field '["CommandId"]')
tat ModifyCommand --CommandId "$command" --Description 'by tccli' --Timeout 30 >/dev/null
[ "$(tat DescribeCommands --CommandIds "[\"$command\"]" | field '["CommandSet"][0]["Description"]')" = "by tccli" ]
[ "$(tat DescribeQuotas --ResourceNames '["COMMAND"]' | field '["GeneralResourceQuotaSet"][0]["ResourceQuotaUsed"]')" -ge 1 ]
[ "$(tat DescribeRegisterInstances --InstanceIds '["rins-uf673dgi"]' | field '["TotalCount"]')" = 1 ]
invoker=$(tat CreateInvoker --Name nightly --Type SCHEDULE --CommandId "$command" --InstanceIds "$instances" \
    --ScheduleSettings '{"Policy":"RECURRENCE","Recurrence":"0 3 * * *"}' | field '["InvokerId"]')
tat DisableInvoker --InvokerId "$invoker" >/dev/null
[ "$(tat DescribeInvokers --InvokerIds "[\"$invoker\"]" | field '["InvokerSet"][0]["Enable"]')" = False ]
[ "$(tat DescribeInvokerRecords --InvokerIds "[\"$invoker\"]" | field '["TotalCount"]')" = 0 ]
tat DeleteInvoker --InvokerId "$invoker" >/dev/null
tat DeleteCommands --CommandIds "[\"$command\"]" >/dev/null

if complaint=$(tat RunCommand --Content "$content" --InstanceIds '["ins-00000000"]' 2>&1); then
    echo "an unknown instance was taken"
    exit 1
fi
case $complaint in *ResourceNotFound.InstanceNotFound*) ;; *) echo "$complaint"; exit 1 ;; esac
echo "run, wait, cancel, saved commands, schedules, errors"
