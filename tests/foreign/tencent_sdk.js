// Tencent's own SDK for Node: run, poll, cancel, saved commands, errors; by POST, by GET, and with the older
// signatures. Its argument is the directory of the package `tencentcloud-sdk-nodejs` or `tencentcloud-sdk-nodejs-tat`.
"use strict";

const assert = require("assert");
const { tat } = require(process.argv[2]);

const ENDPOINT = process.env.GUESTEXEC_TAT_ENDPOINT.replace("http://", "");
const INSTANCE = process.env.GUESTEXEC_TAT_INSTANCE_ID;
const OVER = ["SUCCESS", "FAILED", "TIMEOUT", "TERMINATED", "CANCELLED", "START_FAILED"];

function client({ method = "POST", secretKey, signMethod = "TC3-HMAC-SHA256", region, language } = {}) {
  return new tat.v20201028.Client({
    credential: {
      secretId: process.env.TENCENTCLOUD_SECRET_ID,
      secretKey: secretKey || process.env.TENCENTCLOUD_SECRET_KEY,
    },
    region: region || process.env.TENCENTCLOUD_REGION,
    profile: {
      signMethod,
      language,
      httpProfile: { protocol: "http://", endpoint: ENDPOINT, reqMethod: method, reqTimeout: 30 },
    },
  });
}

const encoded = (script) => Buffer.from(script).toString("base64");
const decoded = (text) => Buffer.from(text, "base64").toString();

async function taskOf(sdk, invocation, statuses) {
  const chosen = [{ Name: "invocation-id", Values: [invocation] }];
  for (let look = 0; look < 300; look++) {
    const answer = await sdk.DescribeInvocationTasks({ Filters: chosen, HideOutput: false });
    const task = answer.InvocationTaskSet[0];
    if (task && statuses.includes(task.TaskStatus)) return task;
    await new Promise((wake) => setTimeout(wake, 100));
  }
  throw new Error(`${invocation} does not become ${statuses}`);
}

async function refused(code, call) {
  try {
    await call();
  } catch (error) {
    assert.strictEqual(error.code, code, String(error));
    assert.ok(error.requestId, String(error));
    return;
  }
  throw new Error(`${code} expected`);
}

async function everything(sdk) {
  const run = (script, more) =>
    sdk.RunCommand({ Content: encoded(script), InstanceIds: [INSTANCE], ...more });

  const failed = await run("echo héllo 世界; echo oops >&2; exit 3", { Timeout: 60, SaveCommand: false });
  const task = await taskOf(sdk, failed.InvocationId, OVER);
  assert.strictEqual(decoded(task.TaskResult.Output), "héllo 世界\noops\n");
  assert.strictEqual(task.TaskResult.ExitCode, 3);

  const filled = await run("echo '{{who}}'", { EnableParameter: true, Parameters: '{"who": "a b+c&d=é"}' });
  const output = (await taskOf(sdk, filled.InvocationId, OVER)).TaskResult.Output;
  assert.strictEqual(decoded(output), "a b+c&d=é\n");

  const sleeping = await run("sleep 1000", { Timeout: 2000 });
  await taskOf(sdk, sleeping.InvocationId, ["RUNNING"]);
  await sdk.CancelInvocation({ InvocationId: sleeping.InvocationId });
  const ended = await taskOf(sdk, sleeping.InvocationId, OVER);
  assert.strictEqual(ended.TaskStatus, "TERMINATED");

  const agents = await sdk.DescribeAutomationAgentStatus({ InstanceIds: [INSTANCE] });
  assert.strictEqual(agents.AutomationAgentSet[0].AgentStatus, "Online");
  assert.ok((await sdk.DescribeRegions({})).TotalCount > 0);

  const name = `node-${process.hrtime.bigint()}`;
  const saved = await sdk.CreateCommand({
    CommandName: name, Content: encoded("echo saved"), Tags: [{ Key: "k", Value: "v" }],
  });
  const listed = await sdk.DescribeCommands({ CommandIds: [saved.CommandId] });
  assert.strictEqual(listed.CommandSet[0].Tags[0].Value, "v");
  const invoked = await sdk.InvokeCommand({ CommandId: saved.CommandId, InstanceIds: [INSTANCE] });
  await taskOf(sdk, invoked.InvocationId, ["SUCCESS"]);
  await sdk.DeleteCommand({ CommandId: saved.CommandId });
  await refused("ResourceNotFound.CommandNotFound", () => sdk.DeleteCommand({ CommandId: saved.CommandId }));

  await refused("ResourceNotFound.InstanceNotFound", () => run("true", { InstanceIds: ["ins-00000000"] }));
  await refused("InvalidParameterValue.Range", () => run("true", { Timeout: 86401 }));
  await refused("UnknownParameter", () => run("true", { Colour: "red" }));
}

(async () => {
  await everything(client());
  await everything(client({ method: "GET" }));
  await everything(client({ language: "zh-CN" }));
  await everything(client({ signMethod: "HmacSHA1" }));
  await everything(client({ signMethod: "HmacSHA256", method: "GET" }));
  await refused("AuthFailure.SignatureFailure", () => client({ secretKey: "x".repeat(32) }).DescribeRegions({}));
  await refused("UnsupportedRegion", () => client({ region: "mars-1" }).DescribeInvocations({}));
  console.log("POST, GET, HmacSHA1, HmacSHA256: run, poll, cancel, parameters, saved commands, errors");
})().catch((error) => {
  console.log(error);
  process.exit(1);
});
