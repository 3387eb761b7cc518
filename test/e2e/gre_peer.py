"""The other end of GRE tunnels, as scapy sees GRE.

Reads from standard input a JSON object:

    interface, mac, peer_mac   where to send, from and to which Ethernet address
    talks                      what to do, in this order; each has `name`, and
        kind        ping       one echo request; the answer is its reply
                    http       a TCP connection with one request; the answers are the packets that come
                    send       one echo request; nothing is waited for, and the answer is the request itself
        outer       fields of scapy's IP for the outer header
        gre         fields of scapy's GRE
        inner       fields of scapy's IP for the inner header
        size        bytes of payload of an echo request
        cut         bytes that the outer packet is to have, header included
        lie         bytes that are to be missing from what the outer header announces

and writes one: `answers`, by name of the talk, and `strays`, a line for each IPv4 packet that came without being
asked for. Of every answer it says what the GRE header is, and whether it is `sound`: whether scapy, which is given the
packet without its lengths and checksums (of all headers, outer and inner), works out the same bytes.
"""

import json
import socket
import sys
import time

from scapy.layers.inet import ICMP, IP, TCP
from scapy.layers.l2 import GRE, Ether
from scapy.packet import Raw

PATIENCE = 20  # seconds for an answer
QUIET = 1  # seconds without a packet, after which none will come


class Peer:
    def __init__(self, order):
        self.ethernet = Ether(src=order["mac"], dst=order["peer_mac"])
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0800))
        self.socket.bind((order["interface"], 0x0800))
        self.talks = order["talks"]
        self.strays = []

    def send(self, talk, inner):
        gre = GRE(**{"proto": 0x0800, **talk.get("gre", {})})
        packet = IP(**talk["outer"]) / gre / inner
        if "cut" in talk:
            packet = IP(bytes(packet)[: talk["cut"]])
            del packet.len, packet.chksum
        frame = bytes(self.ethernet / packet)
        self.socket.send(frame[: len(frame) - talk.get("lie", 0)])
        return packet

    def receive(self, seconds):
        """The next IPv4 packet that is not one of ours; None if there is none in time."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.socket.settimeout(left)
            try:
                data, address = self.socket.recvfrom(65536)
            except TimeoutError:
                break
            if address[2] != socket.PACKET_OUTGOING:
                return IP(data[14:])
        return None

    def expect(self, talk, wanted):
        """The next packet that is wanted, of this talk; others are strays."""
        end = time.monotonic() + PATIENCE
        while (left := end - time.monotonic()) > 0:
            packet = self.receive(left)
            if packet is None:
                break
            if belongs(packet, talk) and wanted(packet):
                return packet
            self.stray(packet)
        raise TimeoutError(f"{talk['name']}: no answer in {PATIENCE} s; strays: {self.strays}")

    def drain(self):
        while (packet := self.receive(QUIET)) is not None:
            self.stray(packet)

    def stray(self, packet):
        # This end may be slow enough for the other to send a segment again.
        if not any(talk["kind"] == "http" and belongs(packet, talk) for talk in self.talks):
            icmp = f"ICMP type {packet[ICMP].type} code {packet[ICMP].code}: " if packet.proto == 1 else ""
            self.strays.append(f"{packet.src} > {packet.dst} {icmp}{packet.summary()}")


def belongs(packet, talk):
    outer, inner = talk["outer"], talk["inner"]
    return (
        (packet.src, packet.dst) == (outer["dst"], outer["src"])
        and GRE in packet
        and IP in packet[GRE]
        and (packet[GRE][IP].src, packet[GRE][IP].dst) == (inner["dst"], inner["src"])
    )


def sound(packet):
    again = layer = IP(bytes(packet))
    while layer:
        for field in {"len", "chksum"} & layer.fields.keys():
            delattr(layer, field)
        layer = layer.payload
    return bytes(again) == bytes(packet)


def describe(packet):
    about = {
        "sound": sound(packet),
        "outer": {"ttl": packet.ttl, "flags": str(packet.flags)},
    }
    if GRE not in packet or IP not in packet[GRE]:
        return about
    gre, inner = packet[GRE], packet[GRE][IP]
    about |= {
        "checksum": gre.chksum_present == 1,
        "key": gre.key if gre.key_present else None,
        "sequence": gre.sequence_number if gre.seqnum_present else None,
        "otherBits": [gre.routing_present, gre.strict_route_source, gre.recursion_control, gre.flags, gre.version],
        "protocol": gre.proto,
    }
    if ICMP in inner:
        icmp = inner[ICMP]
        about["icmp"] = {"type": icmp.type, "id": icmp.id, "seq": icmp.seq, "payload": bytes(icmp.payload).hex()}
    if TCP in inner:
        about["tcp"] = {"flags": str(inner[TCP].flags), "payload": bytes(inner[TCP].payload).decode("latin1")}
    return about


def echo(talk):
    payload = bytes(i * 7 & 0xFF for i in range(talk.get("size", 56)))
    return ICMP(type=8, id=0x4711, seq=1) / Raw(payload)


def ping(peer, talk):
    peer.send(talk, IP(**talk["inner"]) / echo(talk))
    return [peer.expect(talk, lambda packet: ICMP in packet[GRE])]


class Connection:
    """One TCP connection that sends a request and reads until the other side closes; nothing is sent again."""

    def __init__(self, peer, talk):
        self.peer, self.talk = peer, talk
        self.port, self.seq, self.ack = 40000, 1000, 0

    def send(self, flags, data=b""):
        gre = self.talk.get("gre", {})
        if gre.get("seqnum_present"):
            self.talk["gre"] = {**gre, "sequence_number": gre["sequence_number"] + 1}
        segment = TCP(sport=self.port, dport=80, flags=flags, seq=self.seq, ack=self.ack, window=64240)
        self.peer.send(self.talk, IP(**self.talk["inner"]) / segment / Raw(data))
        self.seq += len(data) + ("S" in flags) + ("F" in flags)

    def next(self):
        return self.peer.expect(self.talk, lambda packet: TCP in packet[GRE])

    def fetch(self):
        self.send("S")
        packets = [self.next()]
        self.ack = packets[0][TCP].seq + 1
        self.send("A")
        self.send("PA", b"GET / HTTP/1.0\r\nHost: dark\r\n\r\n")
        while "F" not in packets[-1][TCP].flags and "R" not in packets[-1][TCP].flags:
            packet = self.next()
            packets.append(packet)
            data = bytes(packet[TCP].payload)
            if packet[TCP].seq == self.ack and (data or "F" in packet[TCP].flags):
                self.ack += len(data) + ("F" in packet[TCP].flags)
                self.send("A")
        self.send("FA")
        packets.append(self.next())
        return packets


def http(peer, talk):
    return Connection(peer, talk).fetch()


def send(peer, talk):
    return [peer.send(talk, IP(**talk["inner"]) / echo(talk))]


def main():
    order = json.load(sys.stdin)
    peer = Peer(order)
    kinds = {"ping": ping, "http": http, "send": send}
    answers = {talk["name"]: [describe(p) for p in kinds[talk["kind"]](peer, talk)] for talk in order["talks"]}
    peer.drain()
    json.dump({"answers": answers, "strays": peer.strays}, sys.stdout)


main()
