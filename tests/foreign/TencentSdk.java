// Tencent's own SDK for Java: run, poll, cancel, saved commands, errors; by POST, by GET, and with the older signatures.

import com.tencentcloudapi.common.Credential;
import com.tencentcloudapi.common.exception.TencentCloudSDKException;
import com.tencentcloudapi.common.profile.ClientProfile;
import com.tencentcloudapi.common.profile.HttpProfile;
import com.tencentcloudapi.tat.v20201028.TatClient;
import com.tencentcloudapi.tat.v20201028.models.*;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;

public class TencentSdk {
    static final String ENDPOINT = System.getenv("GUESTEXEC_TAT_ENDPOINT").replace("http://", "");
    static final String INSTANCE = System.getenv("GUESTEXEC_TAT_INSTANCE_ID");
    static final List<String> OVER =
        Arrays.asList("SUCCESS", "FAILED", "TIMEOUT", "TERMINATED", "CANCELLED", "START_FAILED");

    static TatClient client(String method, String signMethod, String secretKey) {
        HttpProfile http = new HttpProfile();
        http.setProtocol("http://");
        http.setEndpoint(ENDPOINT);
        http.setReqMethod(method);
        http.setReadTimeout(30);
        ClientProfile profile = new ClientProfile();
        profile.setHttpProfile(http);
        profile.setSignMethod(signMethod);
        String id = System.getenv("TENCENTCLOUD_SECRET_ID");
        return new TatClient(new Credential(id, secretKey), System.getenv("TENCENTCLOUD_REGION"), profile);
    }

    static String encoded(String script) {
        return Base64.getEncoder().encodeToString(script.getBytes(StandardCharsets.UTF_8));
    }

    static String decoded(String text) {
        return new String(Base64.getDecoder().decode(text), StandardCharsets.UTF_8);
    }

    static void same(Object expected, Object is) {
        if (!expected.equals(is)) throw new AssertionError("not " + expected + ", but " + is);
    }

    interface Call {
        void go() throws TencentCloudSDKException;
    }

    static void refused(String code, Call call) {
        try {
            call.go();
        } catch (TencentCloudSDKException error) {
            same(code, error.getErrorCode());
            if (error.getRequestId() == null || error.getRequestId().isEmpty()) throw new AssertionError(error);
            return;
        }
        throw new AssertionError(code + " expected");
    }

    static RunCommandRequest run(String script) {
        RunCommandRequest request = new RunCommandRequest();
        request.setContent(encoded(script));
        request.setInstanceIds(new String[] { INSTANCE });
        return request;
    }

    static InvocationTask taskOf(TatClient tat, String invocation, List<String> statuses) throws Exception {
        Filter chosen = new Filter();
        chosen.setName("invocation-id");
        chosen.setValues(new String[] { invocation });
        DescribeInvocationTasksRequest look = new DescribeInvocationTasksRequest();
        look.setFilters(new Filter[] { chosen });
        look.setHideOutput(false);
        for (int times = 0; times < 300; times++) {
            InvocationTask[] tasks = tat.DescribeInvocationTasks(look).getInvocationTaskSet();
            if (tasks.length > 0 && statuses.contains(tasks[0].getTaskStatus())) return tasks[0];
            Thread.sleep(100);
        }
        throw new AssertionError(invocation + " does not become " + statuses);
    }

    static void everything(TatClient tat) throws Exception {
        RunCommandRequest failing = run("echo héllo 世界; echo oops >&2; exit 3");
        failing.setTimeout(60L);
        failing.setSaveCommand(false);
        InvocationTask failed = taskOf(tat, tat.RunCommand(failing).getInvocationId(), OVER);
        same("héllo 世界\noops\n", decoded(failed.getTaskResult().getOutput()));
        same(3L, failed.getTaskResult().getExitCode());

        RunCommandRequest filled = run("echo '{{who}}'");
        filled.setEnableParameter(true);
        filled.setParameters("{\"who\": \"a b+c&d=é\"}");
        InvocationTask task = taskOf(tat, tat.RunCommand(filled).getInvocationId(), OVER);
        same("a b+c&d=é\n", decoded(task.getTaskResult().getOutput()));

        String sleeping = tat.RunCommand(run("sleep 1000")).getInvocationId();
        taskOf(tat, sleeping, Arrays.asList("RUNNING"));
        CancelInvocationRequest cancel = new CancelInvocationRequest();
        cancel.setInvocationId(sleeping);
        tat.CancelInvocation(cancel);
        same("TERMINATED", taskOf(tat, sleeping, OVER).getTaskStatus());

        CreateCommandRequest create = new CreateCommandRequest();
        create.setCommandName("java-" + System.nanoTime());
        create.setContent(encoded("echo saved"));
        String saved = tat.CreateCommand(create).getCommandId();
        InvokeCommandRequest invoke = new InvokeCommandRequest();
        invoke.setCommandId(saved);
        invoke.setInstanceIds(new String[] { INSTANCE });
        taskOf(tat, tat.InvokeCommand(invoke).getInvocationId(), Arrays.asList("SUCCESS"));
        DeleteCommandRequest delete = new DeleteCommandRequest();
        delete.setCommandId(saved);
        tat.DeleteCommand(delete);
        refused("ResourceNotFound.CommandNotFound", () -> tat.DeleteCommand(delete));

        RunCommandRequest unknown = run("true");
        unknown.setInstanceIds(new String[] { "ins-00000000" });
        refused("ResourceNotFound.InstanceNotFound", () -> tat.RunCommand(unknown));
        RunCommandRequest long_ = run("true");
        long_.setTimeout(86401L);
        refused("InvalidParameterValue.Range", () -> tat.RunCommand(long_));
    }

    public static void main(String[] arguments) throws Exception {
        String key = System.getenv("TENCENTCLOUD_SECRET_KEY");
        for (String method : new String[] { "POST", "GET" }) {
            for (String signMethod : new String[] { "TC3-HMAC-SHA256", "HmacSHA1", "HmacSHA256" }) {
                everything(client(method, signMethod, key));
            }
        }
        refused("AuthFailure.SignatureFailure",
            () -> client("POST", "TC3-HMAC-SHA256", "x").DescribeRegions(new DescribeRegionsRequest()));
        System.out.println("POST, GET, HmacSHA1, HmacSHA256: run, poll, cancel, parameters, saved commands, errors");
        System.exit(0);
    }
}
