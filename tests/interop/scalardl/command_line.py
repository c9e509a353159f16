"""A command line of Scalar DL, the original's or ours, with the properties of one entity."""

import json

# What a command prints that answers nothing.
OK = {"status_code": "OK", "output": None}


class Tool:
    """One command line with the properties of one entity."""

    def __init__(self, sdk, name, properties):
        self._sdk, self._name, self.properties = sdk, name, properties

    def output(self, command, *arguments):
        """What a command printed that went well."""
        code, out, err = self.run(command, *arguments)
        assert code == 0, f"{command} {arguments}: {code}\n{out}\n{err}"
        return out

    def json(self, command, *arguments):
        """The JSON in what a command printed that went well; nothing for one that prints nothing."""
        out = self.output(command, *arguments)
        for heading in ("Result:\n", "Contract result:\n"):
            out = out.removeprefix(heading)
        return json.loads(out) if out else None

    def error(self, command, *arguments):
        """The status and the message of a command that failed."""
        code, out, err = self.run(command, *arguments)
        assert code == 1, f"{command} {arguments}: {code}\n{out}\n{err}"
        told = json.loads(out)
        return told["status_code"], told["error_message"]

    def run(self, command, *arguments):
        """Its exit code, what it printed, and what it printed as an error."""
        return self._sdk.command(self._name, *command.split(), "--properties", self.properties, *arguments)


def validated(deployment, store, arguments, asset_id, age):
    """Validates by a command: all is well, and it is this state that was last looked at."""
    told = store.json("validate-ledger", *arguments)
    assert told["status_code"] == "OK", told
    assert (told["Ledger"]["id"], told["Ledger"]["age"]) == (asset_id, age)
    assert (told["Auditor"] or {}).get("hash") == (told["Ledger"]["hash"] if deployment.audited else None)
