"""Faults of instances, their database, their peers and their controllers: what was acknowledged arrives, and nothing
arrives twice without saying so by its id."""

import itertools
import threading

import pytest
import requests

import processes
from backends import Postgres
from bare import Peer
from cluster import Balancer
from parties import WALLET, ours, postgres_wallet
from proxy import Proxy

MESSAGES = 20
# Acknowledged of each sender, before a fault and after it.
UNDER_LOAD = 25
# Nothing is derived of it: a start takes no time.
RAW_KEY = ("--wallet-key", "H3C2AVvLMv6gmMNam3uVAjZpfkcJCwDwnZn6z3wXmqPV", "--wallet-key-derivation-method", "RAW")
_numbers = itertools.count()


@pytest.mark.parametrize("size", [2, 5])
def test_instances_that_start_at_once_make_one_wallet(size, backends, webhooks, tmp_path):
    server = backends.get("postgresql")
    name = f"at-once-{next(_numbers)}"
    agents = [ours(tmp_path, webhooks, [*postgres_wallet(server, name), *RAW_KEY, "--seed", "0" * 32]) for _ in range(size)]
    for agent in agents:
        agent.begin()
    for agent in agents:
        agent.wait_until_ready()
    assert server.ask(server.url(name), "SELECT count(*) FROM profiles") == ["1"]
    shown = [agent.get("/wallet/did")["results"] for agent in agents]
    assert len(shown[0]) == 1 and shown.count(shown[0]) == size
    made = agents[0].post("/connections/create-invitation")["connection_id"]
    assert {agent.get(f"/connections/{made}")["state"] for agent in agents} == {"invitation"}
    assert [agent.stop() for agent in agents] == [0] * size


def test_what_waits_outlives_its_agent(backends, webhooks, envelopes, tmp_path):
    """Messages for a peer that is away, and events for a controller that is."""
    proxy = Proxy(webhooks.place)
    agent = ours(tmp_path, webhooks, [*WALLET, *RAW_KEY])
    agent.arguments = [str(word).replace(f":{webhooks.place[1]}/", f":{proxy.port}/") for word in agent.arguments]
    agent.start()
    peer = Peer(envelopes)
    connection = peer.connect(agent)
    proxy.cut()
    heard = [f"unheard {number}" for number in range(MESSAGES)]
    for content in heard:
        assert peer.post(peer.pack(peer.basic(content))) == 200
    peer.leave()
    sent = [f"while away {number}" for number in range(MESSAGES)]
    for content in sent:
        agent.post(f"/connections/{connection}/send-message", {"content": content})
    agent.kill()
    agent.start()
    peer.listen()
    proxy.heal()
    assert peer.contents(MESSAGES) == sent
    assert [body["content"] for body in agent.told("basicmessages", count=MESSAGES)] == heard
    agent.post(f"/connections/{connection}/send-message", {"content": "last"})
    assert peer.contents(MESSAGES + 1) == [*sent, "last"]
    assert agent.stop() == 0
    proxy.close()


class Load:
    """A peer that sends through the balancer, and controllers that send by each instance; each notes what was
    acknowledged, and sends the rest again."""

    def __init__(self, agents, balancer, envelopes):
        self.agents, self.peer = agents, Peer(envelopes)
        self.connection = self.peer.connect(agents[0])
        self.place = f"http://{balancer.address}"
        self.received, self.sent = [[], []], [[] for _ in agents]
        self.name = f"load-{next(_numbers)}"
        self._is_over, self._packed = threading.Event(), {}
        self._refused = set()
        work = [(self._receive, acknowledged) for acknowledged in self.received]
        work += [(self._send, acknowledged, agent) for acknowledged, agent in zip(self.sent, agents)]
        self._threads = [threading.Thread(target=self._repeat, args=one, daemon=True) for one in work]
        for thread in self._threads:
            thread.start()

    def go_on(self):
        """Until each has had so many more acknowledgements."""
        all_of_them = [*self.received, *self.sent]
        wanted = [len(acknowledged) + UNDER_LOAD for acknowledged in all_of_them]
        enough = lambda: all(len(one) >= count for one, count in zip(all_of_them, wanted))
        processes.eventually(enough, what="more acknowledgements")

    def stop(self):
        self._is_over.set()
        for thread in self._threads:
            thread.join(processes.PATIENCE_SECONDS)

    def judge(self):
        """All that was acknowledged arrived, what one sender sent in its order; what came twice has one id. Gives how much
        was acknowledged, and how much came twice."""
        agent = self.agents[0]
        told = lambda: [(body["content"], body["message_id"]) for body in agent.webhooks.of(agent.controller, "basicmessages")]
        got = lambda: [(message["content"], message["@id"]) for message in self.peer.inbox if "content" in message]
        twice = 0
        for ends, acknowledged in ((told, self.received), (got, self.sent)):
            missing = lambda: set(sum(acknowledged, [])) - {content for content, _ in ends()}
            processes.eventually(lambda: not missing(), what=f"the arrival of {missing()}")
            arrived = [end for end in ends() if end[0].startswith(f"{self.name}-")]
            # A controller that had no answer cannot send the same message again, only another one that says the same.
            may_differ = self._refused if acknowledged is self.sent else set()
            ids = {}
            for content, id in arrived:
                ids.setdefault(content, set()).add(id)
            assert [content for content, of_one in ids.items() if len(of_one) > 1 and content not in may_differ] == []
            first = list(dict.fromkeys(content for content, _ in arrived))
            for one in acknowledged:
                assert [content for content in first if content in set(one)] == one
            twice += len(arrived) - len(first)
        return sum(map(len, [*self.received, *self.sent])), twice

    def _repeat(self, work, acknowledged, *more):
        name = f"{self.name}-{next(_numbers)}"
        for number in itertools.count():
            while not self._is_over.is_set():
                try:
                    is_acknowledged = work(f"{name}-{number}", *more)
                except requests.RequestException:
                    is_acknowledged = False
                if is_acknowledged:
                    acknowledged.append(f"{name}-{number}")
                    break
                self._refused.add(f"{name}-{number}")
            else:
                return

    def _receive(self, content):
        # The same envelope again: an agent that had no answer sends what it has packed.
        self._packed.setdefault(content, self.peer.pack(self.peer.basic(content)))
        return self.peer.post(self._packed[content], self.place) == 200

    def _send(self, content, agent):
        status, _ = agent.call("POST", f"/connections/{self.connection}/send-message", {"content": content})
        return status == 200


@pytest.fixture(scope="module")
def pair(webhooks, tmp_path_factory):
    """Two instances on a server of their own, and the balancer before them."""
    tmp_path = tmp_path_factory.mktemp("pair")
    server, balancer = Postgres(), Balancer(tmp_path)
    options = {"endpoint": f"http://{balancer.address}", "controller": f"pair-{next(_numbers)}"}
    # One of them reaches the database over a way that can be cut.
    way = Proxy(("127.0.0.1", server.port))
    agents = [ours(tmp_path, webhooks, [*postgres_wallet(at, "pair"), *RAW_KEY], **options).begin() for at in (server, way)]
    for agent in agents:
        agent.wait_until_ready()
    balancer.start(agents)
    yield server, way, agents, balancer
    codes = [agent.stop() for agent in agents]
    logs = "\n".join(agent.log.read_text() for agent in agents)
    balancer.stop()
    way.close()
    server.stop()
    assert codes == [0, 0] and "panicked" not in logs, logs


@pytest.mark.parametrize("fault", ["killed", "ended", "cut off", "database restarted", "database crashed"])
def test_nothing_acknowledged_is_lost(pair, envelopes, fault):
    server, way, agents, balancer = pair
    load = Load(agents, balancer, envelopes)
    load.go_on()
    if fault == "killed":
        agents[0].kill()
        agents[0].start()
    elif fault == "ended":
        assert agents[0].stop() == 0
        agents[0].start()
    elif fault == "cut off":
        is_ready = lambda: agents[1].call("GET", "/status/ready")[0] == 200
        way.cut()
        try:
            processes.eventually(lambda: not is_ready(), what="the instance's saying so")
            assert agents[1].call("GET", "/status/live")[0] == 200
            # Until its next check the balancer cannot know.
            processes.eventually(lambda: balancer.takes_out(1), what="the balancer's hearing of it")
            before = balancer.shares()
            processes.eventually(lambda: balancer.shares()[0] > before[0] + 20, what="the other's taking over")
            assert balancer.shares()[1] <= before[1] + 5
        finally:
            way.heal()
        processes.eventually(is_ready, what="the instance's return")
    else:
        server.restart("fast" if "restarted" in fault else "immediate")
    load.go_on()
    load.stop()
    acknowledged, twice = load.judge()
    print(f"{fault}: {acknowledged} acknowledged, {twice} came twice")
    # Whoever ends in good order hands over, and answers what it has taken.
    assert fault != "ended" or twice == 0
