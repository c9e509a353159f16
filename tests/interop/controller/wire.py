"""The REST API as the original's client speaks it: documents in base64, states that are polled."""

import base64

import processes

PASSING = {"BOOTING", "STOPPING", "SUSPENDING", "RESUMING", "DELETING", "SHUTTING_DOWN", "INDEFINITE"}


def encode(text):
    return base64.b64encode(text.encode()).decode()


def authorized(key):
    """The variable that lets a user's key in at a node."""
    return "AUTHORIZED_KEYS=" + base64.b64encode(key.with_suffix(".pub").read_bytes()).decode()


def vc(name, kind="compute"):
    """The document of a unit group."""
    return {"cci": encode(f"- vc:\n    cci_version: '23.04.0+20230401'\n    type: {kind}\n    description: {name}\n    name: {name}\n")}


def unit(name, addresses, image, env=(), binds=(), options="{}", more="", recovery="none", user="root"):
    """The document of a unit on existing servers."""
    listed = lambda items: "".join(f"\n        - {item}" for item in items) or " []"
    text = f"""
- unit:
    cci_version: "1.1"
    name: {name}
    description: ""
    private_network: default
    num_nodes: {len(addresses)}
    image: {image}
    recovery_mode: {recovery}
    docker_opt: {options}
    params:
        v:{listed(binds)}
        e:{listed(env)}
{more}    cloud_provider: onpremises
    cloud_params:
        cci_version: "1.0"
        user_name: {user}
        ip_address_list: {list(addresses)}
        network_if: None
"""
    return {"info": encode(text), "unit_name": name}


class User:
    """Somebody with a token."""

    def __init__(self, controller, token):
        self.controller, self.token = controller, token

    def call(self, method, path, body=None, status=None, **options):
        """The answer's body, if it has this status."""
        answer = self.controller.call(method, path, self.token, body, **options)
        wanted = status or (200 if method == "GET" else 202)
        assert answer.status_code == wanted, (method, path, answer.status_code, answer.text)
        return answer.json()

    def make(self, name, kind="compute"):
        """A new unit group; gives its id."""
        vcid = self.call("POST", "/vcs", vc(name, kind))["vcid"]
        assert vcid in [group["vcid"] for group in self.call("GET", "/vcs")["vcs"]], "it is seen at once"
        return vcid

    def settled(self, vcid, name):
        """A unit once nothing of it is on its way."""
        seen = lambda: self.call("GET", f"/vcs/{vcid}/{name}")
        is_settled = lambda: (found := seen())["state"] not in PASSING and found
        return processes.eventually(is_settled, what=f"unit {name}'s settling")

    def await_states(self, vcid, name, states):
        """Waits until the nodes of a unit are so, by their numbers."""
        nodes = lambda: self.call("GET", f"/vcs/{vcid}/{name}")["node"]
        is_so = lambda: [node["state"] for node in nodes()] == list(states)
        processes.eventually(is_so, what=f"{states} instead of {[node['state'] for node in nodes()]}")
        return nodes()

    def remove(self, vcid):
        """Removes a unit group by force, as `cleanup()` does, and waits until it is gone."""
        self.call("DELETE", f"/vcs/{vcid}", {"force": "true"})
        gone = lambda: self.controller.call("GET", f"/vcs/{vcid}", self.token).status_code == 404
        processes.eventually(gone, what="the end of the unit group")
