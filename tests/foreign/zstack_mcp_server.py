"""The client inside the vendor's zstack-mcp-server: log in, query, run a command, log out, errors."""

import asyncio
import json
import os

os.environ["ZSTACK_ALLOW_ALL_API"] = "true"
os.environ["ZSTACK_API_URL"] = os.environ["ZSTACK_ENDPOINT"].removesuffix("/zstack")
os.environ["ZSTACK_ACCOUNT"] = os.environ["ZSTACK_ACCOUNT_NAME"]

from zstack_mcp import server
from zstack_mcp.zstack_client import ZStackApiError, ZStackClient

VM = os.environ["ZSTACK_VM_UUID"]
EXECUTE = "org.zstack.guesttools.APIExecuteGuestVmCommandMsg"


async def main():
    client = ZStackClient()
    command = {"vmInstanceUuid": VM, "platform": "Linux", "command": "echo from mcp"}
    event = await client.execute("ExecuteGuestVmCommand", EXECUTE, command, is_async=True)
    assert event["stream"] == "standardStream: from mcp, errorStream: ", event

    # A session that has ended: it logs in again, by itself.
    client.session.uuid = "0" * 32
    event = await client.execute("ExecuteGuestVmCommand", EXECUTE, command, is_async=True)
    assert event["success"] is True, event

    try:
        bad = {**command, "platform": "linux"}
        await client.execute("ExecuteGuestVmCommand", EXECUTE, bad, is_async=True)
        raise AssertionError("a wrong platform was taken")
    except ZStackApiError as error:
        assert error.code == "SYS.1007", error
    await client.logout()
    try:
        await ZStackClient(password="wrong").login()
        raise AssertionError("a wrong password was taken")
    except ZStackApiError as error:
        assert error.code == "ID.1000", error

    # As its tools are called, which know the API by a list of their own.
    execute = getattr(server.execute_api, "fn", server.execute_api)
    condition = {"conditions": [{"name": "uuid", "op": "=", "value": VM}]}
    found = json.loads(await execute("QueryVmInstance", condition))
    assert found["success"] and found["resultCount"] == 1, found
    ran = json.loads(await execute("ExecuteGuestVmCommand", command))
    known = ran["success"] or "ExecuteGuestVmCommand" in ran["error"]
    assert known, ran
    how = "client and tools" if ran["success"] else "client; its tools do not know the API"
    await server._session_mgr.logout_all()
    print(f"log in, run, log in again, query, log out, errors ({how})")


asyncio.run(main())
