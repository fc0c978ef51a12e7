"""pjsua2 set up for a phone without a sound device: what is chosen once, and how calls are made.

Imports pjsua2 (GPL), and so is only to be imported in the phone's own process.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import pjsua2

from b2bua.phone import tones

CODECS: Final = ("PCMU/8000", "PCMA/8000")  # G.711, so that a tone comes through whole
FRAME_MICROSECONDS: Final = 20_000
FRAME_SAMPLES: Final = tones.SAMPLE_RATE * FRAME_MICROSECONDS // 1_000_000
MAXIMUM_CALLS: Final = 4  # as the wheel was built


@dataclass(frozen=True, slots=True)
class Options:
    """How a phone behaves when left alone. Intervals in seconds; None is never.

    user: user part of its address, "" for the name in small letters.
    port: UDP port, 0 for any that is free. tone: hertz, 0 for silence.
    log: file for pjsip's own log, with every SIP message; "" for none.
    """

    name: str = "phone"
    user: str = ""
    address: str = "127.0.0.1"
    port: int = 0
    tcp: bool = False
    tone: int = 0
    listen: tuple[int, ...] = ()
    answer_after: float | None = None
    decline_after: float | None = None
    hang_up_after: float | None = None
    busy: bool = False
    silent: bool = False
    log: str = ""


def user_of(options: Options) -> str:
    """User part of the phone's address."""
    return options.user or options.name.lower()


def endpoint(options: Options) -> Any:
    """The started library: no threads for SIP, no sound device, no log but to a file, G.711 only."""
    endpoint = pjsua2.Endpoint()
    endpoint.libCreate()
    settings = pjsua2.EpConfig()
    settings.uaConfig.maxCalls = MAXIMUM_CALLS
    settings.uaConfig.threadCnt = 0
    settings.uaConfig.mainThreadOnly = True
    settings.uaConfig.userAgent = f"softphone {options.name}"
    settings.medConfig.clockRate = settings.medConfig.sndClockRate = tones.SAMPLE_RATE
    settings.medConfig.noVad = True
    settings.medConfig.ecTailLen = 0
    settings.medConfig.sndAutoCloseTime = -1  # the ear listens between calls too
    settings.logConfig.consoleLevel = 0
    settings.logConfig.level = 5 if options.log else 0
    settings.logConfig.msgLogging = bool(options.log)
    settings.logConfig.filename = options.log
    endpoint.libInit(settings)
    endpoint.audDevManager().setNullDev()
    for codec in endpoint.codecEnum2():
        rank = CODECS.index(codec.codecId[: -len("/1")]) if codec.codecId.startswith(CODECS) else None
        endpoint.codecSetPriority(codec.codecId, 0 if rank is None else 255 - rank)
    endpoint.libStart()
    return endpoint


def listen(endpoint: Any, options: Options) -> int:
    """Opens UDP, and TCP on the same port if asked for. The port; raises pjsua2.Error if it is taken."""
    settings = pjsua2.TransportConfig()
    settings.port = options.port
    settings.boundAddress = settings.publicAddress = options.address
    udp = endpoint.transportCreate(pjsua2.PJSIP_TRANSPORT_UDP, settings)
    settings.port = int(endpoint.transportGetInfo(udp).localName.rpartition(":")[2])
    if options.tcp:
        endpoint.transportCreate(pjsua2.PJSIP_TRANSPORT_TCP, settings)
    return int(settings.port)


def account_configuration(options: Options) -> Any:
    """An account that registers nowhere, with sound on any free pair of ports."""
    settings = pjsua2.AccountConfig()
    settings.idUri = f'"{options.name}" <sip:{user_of(options)}@{options.address}>'
    sound = settings.mediaConfig.transportConfig
    sound.boundAddress = sound.publicAddress = options.address
    sound.port = 0  # any pair that is free
    return settings


def generator() -> Any:
    """A mouth: plays tones, mixed to one channel."""
    generator = pjsua2.ToneGenerator()
    generator.createToneGenerator(tones.SAMPLE_RATE, 1)
    return generator


def audio_format() -> Any:
    """What an ear is given: 16 bits, 8000 times a second, 20 ms at a time."""
    sound = pjsua2.MediaFormatAudio()
    sound.init(pjsua2.PJMEDIA_FORMAT_PCM, tones.SAMPLE_RATE, 1, FRAME_MICROSECONDS, 16)
    return sound


def audio_only() -> Any:
    """Settings of a call with audio and nothing else."""
    operation = pjsua2.CallOpParam(True)
    operation.opt.audioCount, operation.opt.videoCount = 1, 0
    return operation


def operation(code: int) -> Any:
    """Settings of an answer or refusal with this status; 0 leaves the choice to pjsip."""
    operation = pjsua2.CallOpParam()
    operation.statusCode = code
    return operation
