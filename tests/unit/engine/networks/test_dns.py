"""Names answered from memory; dnspython reads what we write."""

import dns.flags
import dns.message
import dns.rdatatype
import pytest
from hypothesis import given
from hypothesis import strategies as st

from boxship.engine.networks.dns import (
    AAAA,
    PTR,
    SERVER_FAILURE,
    TTL,
    A,
    Malformed,
    Question,
    Record,
    View,
    Zone,
    aged,
    answers,
    failed,
    lookup,
    parse,
    query,
    refuse,
    respond,
    reverse_address,
    truncated,
    with_id,
)


def answer(view: View, question: Question, turn: int = 0, udp: bool = True) -> bytes | None:
    """The answer of one turn, None for none."""
    found = answers(view, question, udp)
    return found[turn % len(found)] if found else None


def zone(network: str = "net", **records: Record) -> Zone:
    made = Zone(network)
    for container_id, record in records.items():
        made.add(container_id, record)
    return made


WEB = Record(("web", "www", "0123456789ab"), "10.0.0.2", "fd00::2")
DB = Record(("db",), "10.0.0.3")
VIEW = View((zone(c1=WEB, c2=DB), zone("other", c3=Record(("db", "cache"), "10.9.0.3"))), {"store": "db"})


def ask(name: str, kind: int = A, view: View = VIEW, turn: int = 0) -> dns.message.Message | None:
    packet = query(name, kind, 77)
    found = answer(view, parse(packet), turn)
    return None if found is None else dns.message.from_wire(found)


def values(message: dns.message.Message | None) -> list[str]:
    assert message is not None
    return [str(item) for rrset in message.answer for item in rrset]


ANSWERS = {
    "a name": ("web", A, ["10.0.0.2"]),
    "in any case": ("WeB", A, ["10.0.0.2"]),
    "an alias": ("www", A, ["10.0.0.2"]),
    "a short id": ("0123456789ab", A, ["10.0.0.2"]),
    "IPv6": ("web", AAAA, ["fd00::2"]),
    "no IPv6 is no data": ("db", AAAA, []),
    "a name of another type is no data": ("web", 15, []),
    "the first network wins": ("db", A, ["10.0.0.3"]),
    "with the network's name": ("db.other", A, ["10.9.0.3"]),
    "a link's alias": ("store", A, ["10.0.0.3"]),
    "backwards": ("2.0.0.10.in-addr.arpa", PTR, ["web.net."]),
    "backwards by IPv6": ("2." + "0." * 27 + "0.0.d.f.ip6.arpa", PTR, ["web.net."]),
}


@pytest.mark.parametrize(("name", "kind", "found"), ANSWERS.values(), ids=ANSWERS)
def test_answered(name: str, kind: int, found: list[str]) -> None:
    message = ask(name, kind)
    assert values(message) == found
    assert message is not None
    assert message.id == 77
    assert message.flags & dns.flags.QR
    assert message.flags & dns.flags.RA
    assert all(rrset.ttl == TTL for rrset in message.answer)


@pytest.mark.parametrize(("name", "kind"), [("nobody", A), ("web.example.org", A), ("9.9.9.9.in-addr.arpa", PTR)])
def test_what_is_not_ours_is_left_to_others(name: str, kind: int) -> None:
    assert ask(name, kind) is None


def test_equal_names_take_turns() -> None:
    view = View((zone(a=Record(("web",), "10.0.0.1"), b=Record(("web",), "10.0.0.2")),))
    assert values(ask("web", view=view, turn=0)) == ["10.0.0.1", "10.0.0.2"]
    assert values(ask("web", view=view, turn=1)) == ["10.0.0.2", "10.0.0.1"]


def test_a_name_is_gone_with_its_container() -> None:
    made = zone(c1=WEB, c2=Record(("web",), "10.0.0.9"))
    made.drop("c1")
    made.drop("c1")
    view = View((made,))
    assert [r.ipv4 for r in lookup(view, "web")] == ["10.0.0.9"]
    assert lookup(view, "www") == ()
    assert made.owner("10.0.0.2") is None


def test_an_address_given_to_another_stays_with_the_other() -> None:
    made = zone(c1=WEB)
    made.add("c2", Record(("new",), "10.0.0.2"))
    made.drop("c1")
    assert made.owner("10.0.0.2") == Record(("new",), "10.0.0.2")


def test_edns_is_answered_with_edns_and_may_be_longer() -> None:
    many = View((zone(**{f"c{n}": Record(("web",), f"10.0.0.{n}") for n in range(1, 60)}),))
    plain = answer(many, parse(query("web", A)))
    assert plain is not None
    assert truncated(plain)
    long = dns.message.make_query("web", "A", use_edns=0, payload=4096).to_wire()
    message = dns.message.from_wire(answer(many, parse(long)) or b"")
    assert message.edns == 0
    assert len(message.answer[0]) == 59
    over_tcp = answer(many, parse(query("web", A)), udp=False)
    assert over_tcp is not None
    assert len(dns.message.from_wire(over_tcp).answer[0]) == 59


MALFORMED = {
    "nothing": b"",
    "cut short": query("web", A)[:-3],
    "an answer": with_id(query("web", A), 1)[:2] + b"\x80" + query("web", A)[3:],
    "no question": b"\0\1\1\0\0\0\0\0\0\0\0\0",
    "compressed": query("web", A)[:12] + b"\xc0\x0c\0\1\0\1",
}


@pytest.mark.parametrize("packet", MALFORMED.values(), ids=MALFORMED)
def test_malformed(packet: bytes) -> None:
    with pytest.raises(Malformed):
        parse(packet)


@given(st.binary(max_size=80))
def test_no_packet_breaks_the_parser(packet: bytes) -> None:
    try:
        assert isinstance(parse(packet), Question)
    except Malformed:
        refuse(packet, 1)
    aged(packet)


def test_refusals_keep_the_id_and_answer_no_answers() -> None:
    refused = refuse(query("web", A, 99)[:14], 1)
    assert refused is not None
    assert refused[:2] == b"\0\x63"
    assert refused[3] & 0x0F == 1
    assert refuse(b"\0\1\x80\0" + bytes(8), 1) is None


def test_failed() -> None:
    question = parse(query("x", A))
    assert failed(respond(question, code=SERVER_FAILURE))
    assert failed(b"")
    assert not failed(respond(question))


def test_remembered_answers_live_shortly() -> None:
    text = "id 1\nopcode QUERY\nrcode NOERROR\nflags QR RD RA\n;QUESTION\nx.org. IN MX\n;ANSWER\n"
    text += "x.org. 3600 IN MX 5 m.x.org.\nx.org. 2 IN MX 9 n.x.org.\n;ADDITIONAL\nm.x.org. 900 IN A 1.2.3.4\n"
    message = dns.message.from_wire(aged(dns.message.from_text(text).to_wire()))
    lives = [rrset.ttl for rrset in (*message.answer, *message.additional)]
    assert max(lives) <= TTL


@pytest.mark.parametrize(
    ("name", "address"),
    [("1.0.0.10.in-addr.arpa", "10.0.0.1"), ("0.10.in-addr.arpa", None), ("x.in-addr.arpa", None), ("web", None)],
)
def test_reverse_names(name: str, address: str | None) -> None:
    assert reverse_address(name) == address
