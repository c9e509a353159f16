"""What comes from outside and is wrong: each thing is refused in the API's own shape, by name, and changes nothing."""

import base64
import contextlib
import json
import re
import socket
import ssl
import subprocess

import pytest
import requests

import processes
from backends import free_port
from controller_server import BASE, ControllerServer
from simulated import Servers
from wire import User, encode, unit, vc

SHAPE = re.compile(r"\d{4}/\d\d/\d\d \d\d:\d\d:\d\d UTC: VCP(Auth|VaultRead|InvalidParameter|NotFound|Conflict)Exception: [\w-]*:.+", re.S)
SECRET = "s3cr3t-that-nobody-may-see"
NODES = ["127.9.0.11", "127.9.0.12"]
FREE = "127.9.0.13"
NOBODYS = "0c5a7f0e3c9b4a7f8f0d6a1b2c3d4e5f"
BODY_BYTES_MAX = 2 << 20
HEAD_BYTES_MAX = 64 << 10

AZURE = "azure_resource_group_name: r, azure_vnet_name: v, azure_subnet_name: s, azure_security_group_name: g, azure_location: l"
CATALOGUE = f"""cci_version: '1.0'
onpremises:
  default: {{private_network_ipmask: 127.9.0.0/24}}
aws:
  default: {{aws_region: ap-northeast-1, aws_vpc_subnet_id: subnet-0, aws_vpc_security_group_id: sg-0}}
azure:
  default: {{{AZURE}}}
"""

# What cloud_params of each provider needs.
PARAMS = {
    "azure": "vm_size: a, subscription_id: a, client_id: a, client_secret: a, tenant_id: a",
    "oracle": "shape: a, user_ocid: a, fingerprint: a, private_key: a",
    "sakura": "core: 1, memory: 1, token: a, secret: a",
    "openstack": "flavor_name: a, user_name: a, password: a",
    "mdx2": "flavor_name: a, user_name: a, password: a",
    "gcp": "machine_type: a, credentials: a",
    "vmware": "num_cpus: 1, memory: 1, user: a, password: a",
    "proxmox": "num_cpus: 1, memory: 1, token_id: a, token_secret: a",
}

VERBS = ["suspend", "resume", "stop", "start", "watch", "unwatch", "power_on", "power_off"]
READS = ["", "/accounts/authority", "/version", "/publickey", "/vpn_catalog", "/monitoring/targets", "/vcs"]
READS_OF_A_GROUP = ["/vcs/{vcid}", "/vcs/{vcid}/w", "/vcs/{vcid}/w/{node}"]
CHANGES = [("POST", "/vcs"), ("POST", "/vcs/fail")]
CHANGES_OF_A_GROUP = [
    *((method, "/vcs/{vcid}") for method in ("POST", "PUT", "PATCH", "DELETE")),
    ("PUT", "/vcs/{vcid}/w"),
    ("DELETE", "/vcs/{vcid}/w"),
    *(("PATCH", f"/vcs/{{vcid}}/w/{verb}") for verb in [*VERBS, "clear_processing"]),
    ("DELETE", "/vcs/{vcid}/w/{node}"),
    *(("PATCH", f"/vcs/{{vcid}}/w/{{node}}/{verb}") for verb in VERBS),
    ("GET", "/vcs/{vcid}/w/{node}/backup"),
]
EVERYTHING = [*(("GET", path) for path in READS + READS_OF_A_GROUP), *CHANGES, *CHANGES_OF_A_GROUP]


class Place:
    """A controller, its users' tokens, and a unit group of one of them with a unit that nothing happens to."""

    def __init__(self, controller):
        self.controller, self.session = controller, requests.Session()
        self.owner, self.other, self.root = controller.user("owner"), controller.user("other"), controller.user("root", "super")
        self.readonly = controller.token("owner", "--readonly")
        user = User(controller, self.owner)
        self.vcid, self.empty = user.make("theirs"), user.make("empty")
        user.call("POST", f"/vcs/{self.vcid}", unit("w", NODES, "vcp/base:1"))
        # Nothing answers at these addresses, and nobody looks after nodes that are not watched.
        assert user.settled(self.vcid, "w")["state"] == "ERROR"
        user.call("PATCH", f"/vcs/{self.vcid}/w/unwatch")
        self.node = user.call("GET", f"/vcs/{self.vcid}/w")["node"][0]["node_id"]

    def send(self, method, path, body=None, token=None, headers=None):
        """The answer to a request; a body that is bytes goes as it is."""
        headers = {"x-vcc-access-token": self.owner if token is None else token, **(headers or {})}
        url = self.controller.url + BASE + path.format(vcid=self.vcid, node=self.node)
        raw = body if isinstance(body, bytes) or hasattr(body, "__next__") else json.dumps({} if body is None else body)
        data = None if method == "GET" and body is None else raw
        return self.session.request(method, url, data=data, headers=headers, verify=self.controller.ca, timeout=30)

    def state(self):
        """All that there is."""
        answer = self.send("GET", "/vcs", token=self.root, headers={"x-vcc-privileged": "True"})
        assert answer.status_code == 200, answer.text
        return answer.json()["vcs"]

    def refused(self, status, text, method, path, body=None, **options):
        """Sends what must be refused with this status and text, and change nothing. Gives the text."""
        before = self.state()
        answer = self.send(method, path, body, **options)
        what = (method, path, str(body)[:200], answer.status_code, answer.text[:500])
        assert answer.status_code == status, what
        assert answer.headers["content-type"] == "application/json", what
        message = answer.json()["message"]
        assert SHAPE.fullmatch(message) and text in message and len(message) < 4096, what
        assert SECRET not in message, what
        assert self.state() == before, what
        return message

    def add_unit(self, text, status=400, says="", name=None):
        """Sends a unit's document that must be refused."""
        packed = text if isinstance(text, bytes) else base64.b64encode(text.encode()).decode()
        body = {"info": packed.decode() if isinstance(packed, bytes) else packed}
        return self.refused(status, says, "POST", "/vcs/{vcid}", {**body, **({"unit_name": name} if name else {})})


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    controller = ControllerServer(tmp_path_factory.mktemp("badinput"), CATALOGUE)
    with open(controller.config / ".env", "a") as settings:
        settings.write(f"VCC_SERVER_TIMEOUT=1\nVCC_PAUSE=1\nVCC_HOST_SSH_PORT={free_port()}\n")
    controller.start()
    yield Place(controller)
    assert controller.stop() == 0
    log = controller.log.read_text()
    assert "panicked" not in log and SECRET not in log


@contextlib.contextmanager
def connected(place, port):
    """A connection on TLS."""
    context = ssl.create_default_context(cafile=place.controller.ca)
    with socket.create_connection(("127.0.0.1", port), timeout=30) as plain:
        with context.wrap_socket(plain, server_hostname="127.0.0.1") as stream:
            yield stream


def asked_as_written(place, port, method, path, token_header):
    """Status, head and body of what a path is answered with that no client would send so: they put paths in order."""
    with connected(place, port) as stream:
        head = f"{method} {path} HTTP/1.1\r\nhost: x\r\n{token_header}: {place.owner}\r\nconnection: close\r\n"
        stream.sendall(f"{head}content-length: 2\r\n\r\n{{}}".encode())
        answer = b"".join(iter(lambda: stream.recv(65536), b"")).decode()
    head, _, body = answer.partition("\r\n\r\n")
    return int(head.split()[1]), head, body


def quoted(value):
    """As YAML has it."""
    return json.dumps(value, ensure_ascii=False)


def document(old="", new="", addresses=(FREE,)):
    """A unit that is right, with something in the place of something else."""
    text = base64.b64decode(unit("new", addresses, "vcp/base:1")["info"]).decode()
    assert old in text, old
    return text.replace(old, new, 1) if old else text


# -- who may ---------------------------------------------------------------------------------------------------------------


def test_the_table_has_every_route(place):
    """What the server says of the methods of each path is what this file knows of it."""
    # Below /vcs words are names, and paths of one length are one route.
    shape = lambda path: ("vcs", path.count("/")) if path.startswith("/vcs") else path
    known = {}
    for method, path in EVERYTHING:
        known.setdefault(shape(path), set()).add(method)
    for _, path in EVERYTHING:
        answer = place.send("BREW", path)
        assert answer.status_code == 405, path
        # `backup` stands in the place of a verb, and is asked for with GET.
        less = {"GET"} if shape(path) == ("vcs", 5) and not path.endswith("/backup") else set()
        assert set(answer.headers["allow"].split(", ")) == known[shape(path)] - less, path


@pytest.mark.parametrize("token", ["", "hvs.wrong", "x" * 5000, "../root", "a b", NOBODYS, "s.\t"])
def test_without_a_token_nothing_is_told(place, token):
    for method, path in EVERYTHING:
        place.refused(403, "VCPAuthException", method, path, token=token)


def test_a_readonly_token_changes_nothing(place):
    for method, path in CHANGES + CHANGES_OF_A_GROUP:
        for body in ({}, b"{", {"force": "true"}):
            place.refused(403, "the token's role is readonly", method, path, body, token=place.readonly)
    for path in READS + READS_OF_A_GROUP:
        assert place.send("GET", path, token=place.readonly).status_code == 200, path


@pytest.mark.parametrize("value", ["True", "true", "TRUE"])
def test_a_regular_user_is_not_privileged(place, value):
    for method, path in EVERYTHING:
        place.refused(403, "privileged mode is for users of role super", method, path, headers={"x-vcc-privileged": value})


@pytest.mark.parametrize("who", ["other", "root"])
def test_others_groups_are_as_if_they_were_not(place, who):
    token = getattr(place, who)
    assert place.send("GET", "/vcs", token=token).json() == {"vcs": []}
    bodies = {"POST": {"info": encode(document())}, "PUT": {"num_nodes": 1}, "PATCH": {"operation": "change_owner", "owner": who}}
    for method, path in [*(("GET", path) for path in READS_OF_A_GROUP), *CHANGES_OF_A_GROUP]:
        theirs = place.refused(404, "", method, path, bodies.get(method), token=token)
        nobodys = place.refused(404, "", method, path.replace("{vcid}", NOBODYS), bodies.get(method), token=token)
        tail = lambda message: message.split("Exception: ")[1].split(":", 1)[1]
        assert tail(theirs) == tail(nobodys).replace(NOBODYS, place.vcid), "whether it exists cannot be told"


def test_what_is_given_away_has_somebody_to_take_it(place):
    path = "/vcs/{vcid}"
    for owner, text in [("ghost", "user ghost does not exist"), ("../root", '"../root" is not'), ("", '"" is not'), ("x" * 5000, "is not a user's name"),
                        ("a\0b", "is not a user's name"), ("root;id", "is not a user's name")]:
        place.refused(400, text, "PATCH", path, {"operation": "change_owner", "owner": owner})
    for body in ({}, {"operation": "destroy", "owner": "other"}, {"operation": 7}, {"operation": "change_owner"},
                 {"operation": "change_owner", "owner": None}, {"operation": "change_owner", "owner": ["other"]}):
        place.refused(400, "o", "PATCH", path, body)


# -- requests --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [b'{"cci": "', b"[]", b"null", b'"x"', b"7", b"{}{}", b"\xff\xfe", b"\x00", b"force=true", b"NaN", b"{'a': 1}", b"[" * 100_000,
     b'{"a":' * 1000],
    ids=lambda body: repr(body[:12]),
)
def test_what_is_no_object_of_json_is_refused(place, body):
    for method, path in CHANGES + CHANGES_OF_A_GROUP:
        place.refused(400, "the body is not", method, path, body, headers={"content-type": "application/json"})


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "image/png", "", "x" * 200])
def test_the_body_counts_and_not_what_it_is_called(place, kind):
    place.refused(400, "the body is not JSON", "DELETE", "/vcs/{vcid}", b"force=true", headers={"content-type": kind})
    place.refused(400, "force", "DELETE", "/vcs/{vcid}", b'{"force": "yes"}', headers={"content-type": kind})


def test_a_body_has_a_limit(place):
    large = b'{"cci": "' + b"A" * BODY_BYTES_MAX + b'"}'
    for method, path in CHANGES + CHANGES_OF_A_GROUP[:6]:
        place.refused(413, f"larger than {BODY_BYTES_MAX} bytes", method, path, large)
        # Without its length being announced.
        place.refused(413, f"larger than {BODY_BYTES_MAX} bytes", method, path, iter([large]))


def test_a_head_has_a_limit(place):
    # All of it and nothing more: who is still sending when the connection is closed may not hear the answer.
    head = f"GET {BASE}/vcs HTTP/1.1\r\nhost: 127.0.0.1\r\nx-much: ".encode().ljust(HEAD_BYTES_MAX, b"x")
    with connected(place, place.controller.port) as stream:
        stream.sendall(head)
        assert stream.recv(4096).startswith(b"HTTP/1.1 431 ")
    assert place.state()


@pytest.mark.parametrize("path", ["/vcs/{vcid}", "/vcs/{vcid}/w"])
@pytest.mark.parametrize("force", ["yes", "1", "", " true", 1, 0, [], {}, ["true"], "true\0"])
def test_force_is_true_or_false(place, path, force):
    place.refused(400, 'force: it is neither "true" nor "false"', "DELETE", path, {"force": force})


@pytest.mark.parametrize("given", [7, [], {}, True, ["LSB2Yzo="], 1.5], ids=str)
def test_a_document_is_a_text(place, given):
    for method, path, key in (("POST", "/vcs", "cci"), ("PUT", "/vcs/{vcid}", "cci"), ("POST", "/vcs/{vcid}", "info")):
        place.refused(400, f"{key}: it is not a text", method, path, {key: given})
    place.refused(400, "cci: it is missing", "POST", "/vcs", {"cci": None})
    place.refused(400, "unit_name: it is not a text", "POST", "/vcs/{vcid}", {"info": encode(document()), "unit_name": given})
    place.refused(400, "tag: it is not a list of texts", "POST", "/vcs/fail", {"tag": [given]})


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404),
        ("GET", "/vcs/", 404),
        ("GET", "//vcs", 404),
        ("GET", "/vcs/../vcs", 404),
        ("GET", "/vcs/%2e%2e/version", 404),
        ("GET", "/vcs/{vcid}/", 404),
        ("GET", "/vcs/{vcid}/none", 404),
        ("GET", "/vcs/{vcid}/w/none", 404),
        ("GET", "/vcs/{vcid}/w/1", 404),
        ("GET", "/vcs/{vcid}/w/{node}/none", 405),
        ("GET", "/vcs/{vcid}%00", 404),
        ("GET", "/vcs/{vcid}%2fw", 404),
        ("GET", "/vcs/" + "a" * 20_000, 404),
        ("GET", "/vcs/$(id)/;id", 404),
        ("GET", "/vcs/{vcid}/w/{node}/backup/x", 404),
        ("PATCH", "/vcs/{vcid}/none/stop", 404),
        ("PATCH", "/vcs/{vcid}/w/none/stop", 404),
        ("PATCH", "/vcs/{vcid}/w/dance", 404),
        ("PATCH", "/vcs/{vcid}/w/STOP", 404),
        ("PATCH", "/vcs/{vcid}/w/{node}/clear_processing", 404),
        ("PATCH", "/vcs/{vcid}/w/clear_processing%0a", 404),
        ("PATCH", "/vcs", 405),
        ("POST", "/version", 405),
        ("DELETE", "/vcs", 405),
        ("POST", "/vcs/{vcid}/w", 405),
        ("PUT", "/vcs/{vcid}/w/{node}", 405),
        ("OPTIONS", "/vcs", 405),
        ("TRACE", "/vcs", 405),
        ("X" * 200, "/vcs", 405),
        ("DELETE", f"/vcs/{NOBODYS}", 404),
        ("DELETE", "/vcs/{vcid}/none", 404),
        ("DELETE", "/vcs/{vcid}/w/none", 404),
        ("PUT", "/vcs/{vcid}/none", 404),
    ],
)
def test_what_is_not_there(place, method, path, status):
    path = path.format(vcid=place.vcid, node=place.node)
    before = place.state()
    answered, head, body = asked_as_written(place, place.controller.port, method, BASE + path, "x-vcc-access-token")
    assert answered == status, body[:500]
    assert SHAPE.fullmatch(json.loads(body)["message"]) and len(body) < 1000, body
    assert ("allow: " in head.lower()) == (status == 405), head
    assert place.state() == before


@pytest.mark.parametrize("bytes_sent", [b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\xff\xff" + b"\0" * 300, b"\0" * 70_000, b""], ids=["plain", "hello", "zeros", "nothing"])
def test_what_is_no_tls_ends_the_connection_alone(place, bytes_sent):
    for port in (place.controller.port, place.controller.vault_port):
        with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
            # It may be closed before all of it is sent.
            with contextlib.suppress(OSError):
                connection.sendall(bytes_sent)
                connection.shutdown(socket.SHUT_WR)
            with contextlib.suppress(ConnectionError):
                while connection.recv(65536):
                    pass
    assert place.state()


# -- documents -------------------------------------------------------------------------------------------------------------

LAUGHS = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 12)
)
NO_DOCUMENTS = [
    (b"%%%", "not base64"),
    (b"LSB2Yzo", "not base64"),
    ("LSB2Yzo=é".encode(), "not base64"),
    (base64.b64encode(b"\xff\xfe- vc: {name: x}"), "not UTF-8"),
    (base64.b64encode("- vc: {name: x}".encode("utf-16")), "not UTF-8"),
    ("", "the document is not one"),
    ("- vc: {name: \"x\0\"}", "a NUL"),
    ("- other: {name: x}", "the document is not one"),
    ("- vc: {}\n- unit: {}", "the document is not one"),
    ("name: x", "the document is not one"),
    ("- vc: [x]\n", "the document is not one"),
    ("7", "the document is not one"),
    ("- vc: {name: x\n", "CCI line "),
    ("- vc:\n\tname: x", "CCI line "),
    ("--- {}\n--- {}", "a second document"),
    ("- vc: {name: a, name: b}", 'the key "name" a second time'),
    ("- vc: {? [a] : b}", "a key that is no text"),
    ("- vc: !!python/object/apply:os.system [id]", "the tag"),
    ("- vc: &a {name: *a}", "alias"),
    ("- vc: {name: *nothing}", "CCI line "),
    ("- " * 200, "within each other"),
    ("[" * 100_000, "CCI line 1: "),
    ("{a: " * 100_000, "CCI line 1: "),
    (LAUGHS, "more than 50000 values"),
    ("- vc: &a " + "x" * 900_000 + "\n- [*a, *a, *a, *a, *a]", "bytes of text"),
    ("- vc: {name: " + "x" * 1_100_000 + "}", "longer than"),
    (b"A" * 1_500_000, "longer than"),
    ("".join(f"k{n}: x\n" for n in range(30_000)), "more than 50000 values"),
]


@pytest.mark.parametrize(("text", "says"), NO_DOCUMENTS, ids=[says + f"-{at}" for at, (_, says) in enumerate(NO_DOCUMENTS)])
def test_what_is_no_document_is_refused(place, text, says):
    packed = text.decode() if isinstance(text, bytes) else encode(text)
    unit_packed = packed if isinstance(text, bytes) else encode(text.replace("vc:", "unit:"))
    place.refused(400, says, "POST", "/vcs", {"cci": packed})
    place.refused(400, says, "PUT", "/vcs/{vcid}", {"cci": packed})
    place.refused(400, says, "POST", "/vcs/{vcid}", {"info": unit_packed})


@pytest.mark.parametrize(
    ("document", "status", "says"),
    [
        ("{name: theirs}", 409, "name theirs: owner has a vc of this name"),
        ("{name: ''}", 400, "name: the unit group has no name"),
        ("{name: '   '}", 400, "name: the unit group has no name"),
        ("{name: None}", 400, "name: the unit group has no name"),
        ("{name: [a]}", 400, "name: a list where a text is expected"),
        ("{name: \"a\\nb\"}", 400, "name: control characters"),
        ("{name: \"a\\u001b[31mb\"}", 400, "name: control characters"),
        (f"{{name: {'x' * 129}}}", 400, "name: longer than 128 characters"),
        (f"{{name: {'研' * 129}}}", 400, "name: longer than 128 characters"),
        ("{name: x, type: network}", 400, "type: \"network\" is neither"),
        ("{name: x, owner: root}", 400, "owner: unknown key"),
        ("{name: x, typ: compute, nmae: y}", 400, "typ: unknown key; did you mean \"type\"?\nCCI line 1: nmae"),
        (f"{{{', '.join(f'k{n}: x' for n in range(10_000))}}}", 400, "more"),
        (f"{{{'k' * 500_000}: x}}", 400, "unknown key"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_group_that_cannot_be(place, document, status, says):
    place.refused(status, says, "POST", "/vcs", {"cci": encode(f"- vc: {document}")})


@pytest.mark.parametrize(
    "name",
    ["$(reboot)", "; rm -rf /", "`id`", "| cat", "../../etc/passwd", "..", "/", "a/b", "研究室の仮想クラウド", "🙂", "-rf", "--", "%s%n", "' or 1=1 --",
     '"quoted"', "{{7*7}}", "<script>alert(1)</script>", "\\n", "fail", "null ", "x" * 128, "研" * 128],
)
def test_the_name_of_a_group_is_data(place, name):
    user = User(place.controller, place.owner)
    vcid = user.call("POST", "/vcs", {"cci": encode(f"- vc: {{name: {quoted(name)}}}")})["vcid"]
    assert [group["name"] for group in place.state() if group["vcid"] == vcid] == [name]
    place.refused(409, "has a vc of this name", "PUT", "/vcs/{vcid}", {"cci": encode(f"- vc: {{name: {quoted(name)}}}")})
    user.call("PUT", f"/vcs/{vcid}", {"cci": encode(f"- vc: {{name: {quoted(name[:100] + '2')}}}")})
    user.remove(vcid)
    assert len(place.state()) == 2


@pytest.mark.parametrize("provider", sorted(PARAMS))
def test_a_provider_without_a_driver_is_said_to_have_none(place, provider):
    text = document("onpremises", provider)
    params = text[text.index("cloud_params:"):]
    text = text.replace(params, f"cloud_params: {{{PARAMS[provider]}}}\n")
    says = f"cloud_provider: provider {provider} has no driver in this version; there are aws, aws_spot, onpremises"
    place.add_unit(text, says=says)


SLIPS = [
    ("cloud_provider: onpremises", "cloud_provider: nimbus", 'unknown provider "nimbus"'),
    ("cloud_provider: onpremises", "cloud_provider: onpremise", 'did you mean "onpremises"?'),
    ("cloud_provider: onpremises", "cloud_provider: ../aws", "unknown provider"),
    ("cloud_provider: onpremises", f"cloud_provider: {'x' * 4097}", "longer than 4096 bytes"),
    ("private_network: default", "private_network: none", "onpremises has no network none in the VPN catalogue"),
    ("private_network: default", "private_network: ../default", "has no network ../default"),
    *(("name: new", f"name: {quoted(name)}", "not a unit's name")
      for name in ("$(id)", "a;b", "a b", "..", "a/b", "研究", "🙂", "a:b", "a%2fb", "x" * 129, "")),
    ("name: new", 'name: "a\\u0000b"', "control characters"),
    *(("num_nodes: 1", f"num_nodes: {count}", says) for count, says in [
        (0, "0 is not a number from 1 to 1000"), (-1, '"-1" is not a whole number'), (1001, "1001 is not a number from 1 to 1000"),
        (1.5, '"1.5" is not a whole number'), ("1e3", '"1e3" is not a whole number'), ("0x10", '"0x10" is not'), ("１", "is not a whole number"),
        (10**30, "is not a whole number"), ("2", "1 addresses for 2 nodes"), ("{}", "a map where a text"), ("true", '"true" is not')]),
    *((f"['{FREE}']", f"[{addresses}]", says) for addresses, says in [
        (f"'{FREE}', '{FREE}'", "stands twice"), (f"'{FREE}', '::ffff:{FREE}'", "stands twice"), ("'127.9.1.1'", "is not in 127.9.0.0/24"),
        ("'127.9.0.0'", "is no machine's address in 127.9.0.0/24"), ("'127.9.0.255'", "is no machine's address in 127.9.0.0/24"),
        ("'0.0.0.0'", "is no machine's address"), ("'255.255.255.255'", "is no machine's address"), ("'224.0.0.1'", "is no machine's address"),
        ("'ff02::1'", "is no machine's address"), ("'::'", "is no machine's address"), ("'fd00::5'", "is not in 127.9.0.0/24"),
        ("'fe80::1%eth0'", "is not an IP address"), ("'127.9.0.13/24'", "is not an IP address"), ("'127.9.0.13:22'", "is not an IP address"),
        ("'127.9.13'", "is not an IP address"), ("'0x7f.9.0.13'", "is not an IP address"), ("'$(id)'", "is not an IP address"),
        ("'host.example'", "is not an IP address"), ("''", "an empty entry"), ("{a: b}", "a map where a text"), ("", "existing servers are needed")]),
    ("v: []", "v: ['/:/host', '-v:/x']", '"-v:/x" is not a bind'),
    ("v: []", "v: ['/a:/b:rw,exec']", "is not a bind"),
    ("v: []", f"v: {['/x'] * 257}", "more than 256 entries"),
    ("e: []", f"e: ['1A={SECRET}']", "a name before"),
    ("e: []", f"e: ['A B={SECRET}']", "a name before"),
    ("e: []", f"e: ['={SECRET}']", "a name before"),
    ("e: []", f"e: ['{SECRET}']", 'without "="'),
    ("e: []", f"e: [\"A={SECRET}\\0\"]", "a NUL in it"),
    ("e: []", f"e: ['A={SECRET}{'x' * 131_072}']", "longer than"),
    ("e: []", f"e: {{A: {SECRET}}}", "a map where a list of texts is expected"),
    ("image: vcp/base:1", "image: 'vcp/base:1 --privileged'", "is not an image"),
    ("image: vcp/base:1", "image: http://evil/x", "is not an image"),
    ("image: vcp/base:1", "image: -v", "is not an image"),
    ("docker_opt: {}", "docker_opt: {hostname: '$(id)', dns: ['x'], dns_search: ['a;b'], add_host: ['a:b'], gpus: 'all;id', what: 1}",
     "docker_opt.hostname:"),
    ("recovery_mode: none", "recovery_mode: '; id'", "is none of none, restart"),
    ("network_if: None", f"network_iff: None\n        pasword: {SECRET}", "cloud_params.pasword: unknown key"),
    ("docker_opt: {}", "docker_opt: {}\n    user_init_command: '$(id)'", "user_init_command: neither base64"),
    ("docker_opt: {}", f"docker_opt: {{}}\n    user_init_command: {encode('id')}", "the script has no shebang"),
    ("docker_opt: {}", "docker_opt: {}\n    tags: {a: b}", "tags: onpremises has no tags"),
]


@pytest.mark.parametrize(("old", "new", "says"), SLIPS, ids=[f"{new[:40]!r}-{at}" for at, (_, new, _) in enumerate(SLIPS)])
def test_a_unit_that_cannot_be(place, old, new, says):
    place.add_unit(document(old, new), says=says)


def test_all_slips_are_said_at_once(place):
    text = document("num_nodes: 1", "num_nodes: many").replace("docker_opt: {}", "docker_opt: {dsn: []}").replace("e: []", f"e: [{SECRET}]")
    said = place.add_unit(text, says="num_nodes")
    assert len(said.splitlines()) == 3 and "docker_opt.dsn: unknown key; did you mean \"dns\"?" in said and "params.e" in said


def test_a_unit_that_does_not_go_with_what_is_there(place):
    place.add_unit(document("name: new", "name: w"), 409, "name w: there is a unit of this name")
    place.add_unit(document(FREE, NODES[0]), 409, f"{NODES[0]} has a node already")
    place.add_unit(document(FREE, f"::ffff:{NODES[0]}"), 409, f"{NODES[0]} has a node already")
    place.add_unit(document(), 400, 'unit_name: it is "other"', name="other")
    place.add_unit(document(), 400, "unit_name: it is", name="n" * 100_000)
    place.add_unit(document("name: new", "name: WHAT"), 400, "unit_name", name="what")
    disks = document("num_nodes: 1", "num_disks: 1")
    place.add_unit(disks, 400, "onpremises has no disks of its own")
    # Taken by a node of another user: nobody is told by whom.
    other = place.send("POST", "/vcs", vc("g"), token=place.other).json()["vcid"]
    said = place.refused(409, f"{NODES[0]} has a node already", "POST", f"/vcs/{other}", {"info": encode(document(FREE, NODES[0]))}, token=place.other)
    assert "owner" not in said and place.vcid not in said
    User(place.controller, place.other).remove(other)


@pytest.mark.parametrize("path", ["cubbyhole/none", "secret/none", "sys/mounts", "vcc-custody/units", "auth/token/lookup-self", "none/x", "cubbyhole/日本",
                                  "http:/evil/x", "secret/a;b&c=d", "secret/" + "x/" * 252 + "x"])
def test_a_secret_that_cannot_be_read_is_named(place, path):
    aws = document()
    aws = aws[: aws.index("    cloud_provider:")] + (
        "    cloud_provider: aws\n    cloud_params: {instance_type: a, access_key: " + f"'vault://{path}', secret_key: {SECRET}}}\n")
    place.add_unit(aws, 403, "vault read is failed")
    for worse in ("/../x", "/", "/a b", "?list=true", "#x", "/%2e%2e/x", "x" * 600):
        place.add_unit(aws.replace(path, path + worse), 400, "a reference is vault://<engine>/<path>")


@pytest.mark.parametrize("kind", ["io1", "io2"])
def test_a_volume_that_needs_more_than_a_spec_says_is_refused(place, kind):
    aws = document()
    head = aws[: aws.index("    cloud_provider:")]
    keys = "access_key: a, secret_key: a"
    nodes = f"{head}    cloud_provider: aws\n    cloud_params: {{instance_type: a, volume_type: {kind}, {keys}}}\n"
    place.add_unit(nodes, 400, f'cloud_params.volume_type: "{kind}" cannot be had')
    disks = nodes.replace("num_nodes", "num_disks").replace("instance_type: a, volume_type", "size: 8, type")
    place.add_unit(disks, 400, f'cloud_params.type: "{kind}" cannot be had')


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        ({}, 400, "it must name the server of each node"),
        *(({"num_nodes": count}, 400, says) for count, says in [
            (0, "0 is not a number"), (-1, "a whole number"), (1.5, "a whole number"), (1001, "1001 is not"), ("many", "a whole number"),
            (10**30, "a whole number"), (True, "a whole number"), ([], "a whole number"), ("", "a whole number")]),
        *(({"ip_address_list": given, "num_nodes": 1}, 400, says) for given, says in [
            (FREE, "a list of texts"), ([7], "a list of texts"), ([None], "a list of texts"), ([[FREE]], "a list of texts"), ({}, "a list of texts"),
            ([FREE, FREE], "stands twice"), (["127.9.1.1"], "is not in"), (["127.9.0.0"], "no machine's"), (["127.9.0.255"], "no machine's"),
            (["fd00::5"], "is not in"), (["127.9.0.13; reboot"], "is not an IP address"), ([f"127.9.{n // 256}.{n % 256}" for n in range(1, 1500)], "1499 is")]),
        ({"ip_address_list": [NODES[1]]}, 409, "has a node already"),
        ({"ip_address_list": [f"::ffff:{NODES[1]}"]}, 409, "has a node already"),
        ({"ip_address_list": [FREE], "mac_address_list": ["52:54:00:00:00:01"]}, 400, "does not let choose hardware addresses"),
        ({"ip_address_list": [FREE], "mac_address_list": ["52:54:00:00:00:01"] * 2}, 400, "stands twice"),
        ({"ip_address_list": [FREE], "mac_address_list": ["$(id)"]}, 400, "is not a machine's MAC"),
    ],
    ids=lambda value: str(value)[:60],
)
def test_nodes_that_cannot_be_added(place, body, status, says):
    place.refused(status, says, "PUT", "/vcs/{vcid}/w", body)


# -- the vault -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "cubbyhole/../sys/mounts"),
        ("GET", "secret/../vcc-custody/units"),
        ("GET", "secret/%2e%2e/vcc-custody/units"),
        ("GET", "secret//../../vcc-custody/units"),
        ("GET", "/vcc-custody/units"),
        ("GET", "vcc-custody%2funits"),
        ("GET", "SECRET/x"),
        ("GET", "sys/raw/core"),
        ("GET", "sys/policies/acl/vcc"),
        ("GET", "sys/auth"),
        ("GET", "sys/config/state/sanitized"),
        ("POST", "sys/init"),
        ("POST", "sys/unseal"),
        ("GET", "identity/entity/name/x"),
        ("POST", "sys/generate-root/attempt"),
        ("POST", "sys/rekey/init"),
        ("POST", "sys/step-down"),
        ("POST", "sys/remount"),
        ("POST", "sys/audit/file"),
        ("POST", "auth/token/create-orphan"),
        ("POST", "auth/token/revoke-orphan"),
        ("POST", "auth/token/roles/vcc"),
        ("POST", "auth/userpass/login/x"),
        ("DELETE", "sys/mounts/secret"),
        ("PATCH", "secret/x"),
        ("LIST", "sys/policies/acl"),
        ("LIST", "vcc-custody/units"),
        ("BREW", "secret/x"),
    ],
)
def test_the_vault_gives_users_their_part_alone(place, method, path):
    before = place.state()
    status, _, body = asked_as_written(place, place.controller.vault_port, method, f"/v1/{path}", "x-vault-token")
    assert status in (307, 400, 403, 404, 405, 415), body
    # As Vault puts paths in order, it says so and answers there.
    assert status == 307 or "errors" in json.loads(body), body
    assert place.state() == before
    assert place.controller.secret("GET", "auth/token/lookup-self", place.owner).status_code == 200


# -- on a server -----------------------------------------------------------------------------------------------------------

EVIL = ["$(touch /owned)", "`touch /owned`", "; touch /owned", "| touch /owned", "&& touch /owned", "\n touch /owned \n", "' ; touch /owned ; '",
        '" ; touch /owned ; "', "${IFS}", "\\", "%s%n", "研究🙂", "--privileged", "a=b=c", " leading and trailing ", "*", "~", "\t", "x" * 100_000]


@pytest.fixture(scope="module")
def server(place, tmp_path_factory):
    controller = place.controller
    servers = Servers(tmp_path_factory.mktemp("servers"), controller.data / ".ssh" / "id_ed25519.pub", 1)
    catalogue = CATALOGUE + f"# more\naws_spot:\n  default: {{aws_region: a, aws_vpc_subnet_id: s, aws_vpc_security_group_id: g}}\n"
    catalogue = catalogue.replace("onpremises:\n", f"onpremises:\n  servers: {{private_network_ipmask: {servers.network}}}\n")
    settings = (controller.config / ".env").read_text()
    (controller.config / ".env").write_text(re.sub(r"VCC_(HOST_SSH_PORT|SERVER_TIMEOUT)=.*\n", "", settings))
    (controller.config / "config" / "vpn_catalog.yml").write_text(catalogue)
    # The port of sshd on servers is read at the start.
    assert controller.stop() == 0
    place.session.close()
    controller.start()
    controller.vcc("image", "add", servers.image_file)
    yield servers
    servers.stop()


def test_what_users_write_arrives_as_it_is_and_never_runs(place, server):
    (address,) = server.addresses
    user = User(place.controller, place.owner)
    env = [f"EVIL_{at}={text}" for at, text in enumerate(EVIL)] + ["TWICE=first", "TWICE=second", "EMPTY="]
    script = "#!/bin/sh\nprintf %s \"$EVIL_0\" > /said\nprintf %s '$(touch /owned)' > /literal\n"
    options = {"hostname": "node-1", "dns": ["10.9.9.9"], "dns_search": ["example.org"], "dns_opt": ["timeout:1"],
               "add_host": ["peer:10.9.9.8", "$(id):10.9.9.7"]}
    text = base64.b64decode(unit("evil", [address], server.image)["info"]).decode()
    for old, new in [("private_network: default", "private_network: servers"), ("e: []", f"e: {quoted(env)}"),
                     ("v: []", f"v: {json.dumps(['/data', '/tmp/$(touch owned):/x'])}"),
                     ("docker_opt: {}", f"docker_opt: {json.dumps(options)}\n    user_init_command: {encode(script)}")]:
        assert old in text
        text = text.replace(old, new)
    refused = place.add_unit(text, says="docker_opt.add_host")
    assert len(refused.splitlines()) == 1
    text = text.replace(', "$(id):10.9.9.7"', "")
    user.call("POST", f"/vcs/{place.empty}", {"info": encode(text), "unit_name": "evil"})
    made = user.settled(place.empty, "evil")
    assert made["state"] == "RUNNING", made
    (container,) = server.containers(address)
    (seen,) = json.loads(server.docker(address, "inspect", container))
    assert set(env) - {"TWICE=first"} <= set(seen["Config"]["Env"])
    assert [one for one in seen["Config"]["Env"] if one.startswith("TWICE=")] == ["TWICE=second"]
    host = seen["HostConfig"]
    assert (host["Dns"], host["DnsSearch"], host["DnsOptions"], host["ExtraHosts"]) == (
        ["10.9.9.9"], ["example.org"], ["timeout:1"], ["peer:10.9.9.8"])
    assert "/tmp/$(touch owned):/x" in host["Binds"] and seen["Config"]["Hostname"] == "node-1"
    assert server.docker(address, "exec", container, "cat", "/said") == EVIL[0]
    assert server.docker(address, "exec", container, "cat", "/literal") == "$(touch /owned)"
    found = subprocess.run(["ls", "/owned", "/tmp/owned"], capture_output=True, text=True, check=False)
    assert found.stdout == "", "nothing ran on this machine"
    assert server.docker(address, "exec", container, "sh", "-c", "ls /owned /tmp/owned 2>/dev/null || true") == ""
    user.call("DELETE", f"/vcs/{place.empty}/evil", {"force": "false"})
    processes.eventually(lambda: not user.call("GET", f"/vcs/{place.empty}")["unit"], what="the unit's end")
    assert server.containers(address) == []
    subprocess.run(["rm", "-rf", "/tmp/$(touch owned)"], check=True)
