"""What lies in a spool, read here once more from the format's description in `queue/segment.h`, so that tests need not believe
the program about its own files."""

import dataclasses
import os
import struct

import content

_HEADER = struct.Struct("<QIBQI")  # mark, length, type, id, CRC
_SEGMENT_HEADER = 24
_MESSAGE = 4


@dataclasses.dataclass
class Record:
    file: str
    begin: int
    bytes: bytes
    content_file: str  # empty: the content is in the record
    content: bytes


def _records_in(segment):
    data = segment.read_bytes()
    at = _SEGMENT_HEADER
    while at + _HEADER.size <= len(data):
        mark, length, kind, number, _ = _HEADER.unpack_from(data, at)
        if mark == 0:
            return  # room that was written ahead
        end = at + _HEADER.size + length
        yield at, data[at:end], kind, number
        at = end


def messages_in(spool):
    """The records of all messages of an undamaged spool, by the names that they prove (`content.py`)."""
    large = {path.stem: path.read_bytes() for path in spool.glob("*.msg")}
    found = {}
    for segment in sorted(spool.glob("*.log")):
        for begin, record, kind, number in _records_in(segment):
            if kind != _MESSAGE:
                continue
            file, text = "", record
            if content.name_in(record) is None:
                file = f"{_id_text(number)}.msg"
                text = large[_id_text(number)]
            found[content.name_in(text)] = Record(segment.name, begin, record, file, text)
    return found


def take_off_room_ahead(spool):
    """The zeros that a killed server leaves behind its last record."""
    for segment in spool.glob("*.log"):
        os.truncate(segment, max((begin + len(record) for begin, record, _, _ in _records_in(segment)), default=0))


def names_of_whole(spool, records):
    """The messages of which nothing was changed: the record in its place, in a segment that still says which it is, and
    its content."""
    def bytes_of(name):
        path = spool / name
        return path.read_bytes() if path.is_file() and not path.is_symlink() else b""

    def is_whole(record):
        segment = bytes_of(record.file)
        return (segment[record.begin:record.begin + len(record.bytes)] == record.bytes
                and (not record.content_file or bytes_of(record.content_file) == record.content))
    return {name for name, record in records.items() if is_whole(record)}


def _id_text(number):
    digits = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
    return "".join(digits[number >> shift & 31] for shift in range(60, -1, -5))
