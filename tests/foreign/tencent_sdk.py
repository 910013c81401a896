"""Tencent's own SDK for Python: run, poll, cancel, saved commands, machines, schedules, errors; by POST and by GET."""

import base64
import os
import time

from tencentcloud.common import credential
from tencentcloud.common.exception.tencent_cloud_sdk_exception import TencentCloudSDKException
from tencentcloud.common.profile.client_profile import ClientProfile
from tencentcloud.common.profile.http_profile import HttpProfile
from tencentcloud.tat.v20201028 import models, tat_client

ENDPOINT = os.environ["GUESTEXEC_TAT_ENDPOINT"].removeprefix("http://")
INSTANCE = os.environ["GUESTEXEC_TAT_INSTANCE_ID"]


def client(method="POST", secret_key=None, unsigned=False):
    profile = ClientProfile(
        httpProfile=HttpProfile(protocol="http", endpoint=ENDPOINT, reqMethod=method)
    )
    profile.unsignedPayload = unsigned
    keys = credential.Credential(
        os.environ["TENCENTCLOUD_SECRET_ID"],
        secret_key or os.environ["TENCENTCLOUD_SECRET_KEY"],
    )
    return tat_client.TatClient(keys, os.environ["TENCENTCLOUD_REGION"], profile)


def request(kind, **members):
    made = kind()
    for name, value in members.items():
        setattr(made, name, value)
    return made


def encoded(script):
    return base64.b64encode(script.encode()).decode()


def task_of(tat, invocation, until):
    chosen = request(models.Filter, Name="invocation-id", Values=[invocation])
    for _ in range(300):
        look = request(models.DescribeInvocationTasksRequest, Filters=[chosen], HideOutput=False)
        task = tat.DescribeInvocationTasks(look).InvocationTaskSet[0]
        if task.TaskStatus in until:
            return task
        time.sleep(0.1)
    raise AssertionError(f"it stays {task.TaskStatus}")


def run(tat, script, **members):
    made = request(
        models.RunCommandRequest, Content=encoded(script), InstanceIds=[INSTANCE], **members
    )
    return tat.RunCommand(made).InvocationId


def refused(code, call):
    try:
        call()
    except TencentCloudSDKException as error:
        assert error.get_code() == code, error
        assert error.get_request_id(), error
    else:
        raise AssertionError(f"{code} expected")


for tat in (client(), client("GET"), client(unsigned=True)):
    done = task_of(tat, run(tat, "echo héllo 世界; echo oops >&2; exit 3", Timeout=60), ["FAILED"])
    assert base64.b64decode(done.TaskResult.Output).decode() == "héllo 世界\noops\n"
    assert done.TaskResult.ExitCode == 3

    invocation = run(tat, "sleep 1000", Timeout=2000, SaveCommand=False)
    task_of(tat, invocation, ["RUNNING"])
    tat.CancelInvocation(request(models.CancelInvocationRequest, InvocationId=invocation))
    assert task_of(tat, invocation, ["TERMINATED"]).TaskResult.ExitCode == -1

    filled = run(
        tat, "echo '{{who}}'", EnableParameter=True, Parameters='{"who": "a b+c&d=e"}'
    )
    output = task_of(tat, filled, ["SUCCESS"]).TaskResult.Output
    assert base64.b64decode(output).decode() == "a b+c&d=e\n"

    agents = tat.DescribeAutomationAgentStatus(
        request(models.DescribeAutomationAgentStatusRequest, InstanceIds=[INSTANCE])
    )
    assert agents.AutomationAgentSet[0].AgentStatus == "Online"
    assert tat.DescribeRegions(models.DescribeRegionsRequest()).TotalCount > 0

    refused("ResourceNotFound.InstanceNotFound", lambda: tat.RunCommand(request(
        models.RunCommandRequest, Content=encoded("true"), InstanceIds=["ins-00000000"])))
    refused("InvalidParameterValue.Range", lambda: run(tat, "true", Timeout=86401))
refused("AuthFailure.SignatureFailure", lambda: run(client(secret_key="x" * 32), "true"))

tat = client()
saved = tat.CreateCommand(request(
    models.CreateCommandRequest, CommandName="foreign", Content=encoded("echo saved")))
invoked = tat.InvokeCommand(request(
    models.InvokeCommandRequest, CommandId=saved.CommandId, InstanceIds=[INSTANCE]))
task_of(tat, invoked.InvocationId, ["SUCCESS"])
tat.ModifyCommand(request(
    models.ModifyCommandRequest, CommandId=saved.CommandId, Content=encoded("echo changed"), Timeout=30))
by_id = request(models.DescribeCommandsRequest, CommandIds=[saved.CommandId])
command = tat.DescribeCommands(by_id).CommandSet[0]
assert (command.CommandName, command.Content, command.Timeout) == ("foreign", encoded("echo changed"), 30)
quotas = request(models.DescribeQuotasRequest, ResourceNames=["COMMAND"])
assert tat.DescribeQuotas(quotas).GeneralResourceQuotaSet[0].ResourceQuotaUsed >= 1
other = tat.CreateCommand(request(
    models.CreateCommandRequest, CommandName="other", Content=encoded("true")))
tat.DeleteCommands(request(models.DeleteCommandsRequest, CommandIds=[other.CommandId]))

online = request(models.Filter, Name="register-status", Values=["Online"])
machines = tat.DescribeRegisterInstances(request(
    models.DescribeRegisterInstancesRequest, Filters=[online], Limit=10))
assert machines.RegisterInstanceSet[0].InstanceId == "rins-uf673dgi"

settings = request(models.ScheduleSettings, Policy="ONCE", InvokeTime=time.strftime(
    "%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 5)))
invoker = tat.CreateInvoker(request(
    models.CreateInvokerRequest, Name="foreign", Type="SCHEDULE", CommandId=saved.CommandId,
    InstanceIds=[INSTANCE], ScheduleSettings=settings)).InvokerId
listed = tat.DescribeInvokers(request(models.DescribeInvokersRequest, InvokerIds=[invoker])).InvokerSet[0]
assert (listed.Enable, listed.ScheduleSettings.Policy) == (True, "ONCE")
refused("ResourceUnavailable.CommandInInvoker", lambda: tat.DeleteCommand(
    request(models.DeleteCommandRequest, CommandId=saved.CommandId)))
for _ in range(300):
    records = tat.DescribeInvokerRecords(
        request(models.DescribeInvokerRecordsRequest, InvokerIds=[invoker])).InvokerRecordSet
    if records:
        break
    time.sleep(0.1)
output = task_of(tat, records[0].InvocationId, ["SUCCESS"]).TaskResult.Output
assert base64.b64decode(output).decode() == "changed\n"
nightly = request(models.ScheduleSettings, Policy="RECURRENCE", Recurrence="0 3 * * *")
tat.ModifyInvoker(request(models.ModifyInvokerRequest, InvokerId=invoker, ScheduleSettings=nightly))
tat.DisableInvoker(request(models.DisableInvokerRequest, InvokerId=invoker))
tat.EnableInvoker(request(models.EnableInvokerRequest, InvokerId=invoker))
listed = tat.DescribeInvokers(request(models.DescribeInvokersRequest, InvokerIds=[invoker])).InvokerSet[0]
assert listed.ScheduleSettings.Recurrence == "0 3 * * *"
tat.DeleteInvoker(request(models.DeleteInvokerRequest, InvokerId=invoker))

tat.DeleteCommand(request(models.DeleteCommandRequest, CommandId=saved.CommandId))
print("POST, GET, unsigned payload: run, poll, cancel, parameters, saved commands, machines, schedules, errors")
