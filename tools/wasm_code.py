"""What a module's sections hold, and the instructions of its functions as far as finding branches needs them."""

from wasm_names import leb, sections, to_leb

TYPES, IMPORTS, FUNCTIONS, MEMORY, GLOBALS, EXPORTS, ELEMENTS, CODE, DATA = 1, 2, 3, 5, 6, 7, 9, 10, 11

BLOCK, LOOP, IF, ELSE, END, BR, BR_IF, BR_TABLE = 0x02, 0x03, 0x04, 0x05, 0x0B, 0x0C, 0x0D, 0x0E
# What follows one of these is not reached: `unreachable`, `br`, `br_table`, `return` and the calls that return.
LEAVING = (0x00, BR, BR_TABLE, 0x0F, 0x12, 0x13)
MISC, VECTOR = 0xFC, 0xFD

# How many LEB128 numbers follow an instruction; one that is not listed has none.
ONE_NUMBER = [BLOCK, LOOP, IF, BR, BR_IF, 0x10, 0x12, *range(0x20, 0x27), 0x3F, 0x40, 0x41, 0x42, 0xD0, 0xD2]
NUMBERS = dict.fromkeys(ONE_NUMBER, 1) | dict.fromkeys([0x11, 0x13, *range(0x28, 0x3F)], 2)
# So many bytes follow: constants.
BYTES = {0x43: 4, 0x44: 8}
# The same, behind 0xFC.
MISC_NUMBERS = {8: 2, 9: 1, 10: 2, 11: 1, 12: 2, 13: 1, 14: 2, 15: 1, 16: 1, 17: 1}


def skip(data, at, numbers):
    """Where what follows so many LEB128 numbers begins."""
    for _ in range(numbers):
        while data[at] & 0x80:
            at += 1
        at += 1
    return at


def behind_vector(data, at):
    """Where what follows the vector instruction that has its number at `at` begins."""
    number, at = leb(data, at)
    if number <= 11 or number in (92, 93):
        return skip(data, at, 2)
    if number in (12, 13):
        return at + 16
    if 21 <= number <= 34:
        return at + 1
    if 84 <= number <= 91:
        return skip(data, at, 2) + 1
    return at


def behind(data, at):
    """Where the instruction ends that begins at `at`."""
    kind = data[at]
    at += 1
    if numbers := NUMBERS.get(kind):
        return skip(data, at, numbers)
    if kind == VECTOR:
        return behind_vector(data, at)
    if kind == MISC:
        number, at = leb(data, at)
        return skip(data, at, MISC_NUMBERS.get(number, 0))
    if kind == BR_TABLE:
        targets, at = leb(data, at)
        return skip(data, at, targets + 1)
    if kind == 0x1C:
        types, at = leb(data, at)
        return at + types
    return at + BYTES.get(kind, 0)


def first_instruction(code):
    """Where a function's instructions begin, behind its variables."""
    kinds, at = leb(code, 0)
    for _ in range(kinds):
        at = skip(code, at, 1) + 1
    return at


class Branch:
    """An `if` or a `br_if`: where it stands, and how many bytes only it leads to when taken, and when not taken."""

    def __init__(self, at):
        self.at, self.taken, self.not_taken = at, 0, 0


class Frame:
    """A block that is open. `leaving`: branches to its end; `after`: branches behind which its rest is reached."""

    def __init__(self, kind, branch=None):
        self.kind, self.branch, self.leaving, self.after, self.otherwise = kind, branch, [], [], None


def branches(code):
    """Each branch of a function."""
    at, found, over = first_instruction(code), [], False
    open_frames = [Frame(BLOCK)]
    while at < len(code):
        kind, next_at, frame = code[at], behind(code, at), open_frames[-1]
        if kind in (BLOCK, LOOP):
            open_frames.append(Frame(kind))
        elif kind == IF:
            found.append(Branch(at))
            open_frames.append(Frame(kind, found[-1]))
        elif kind == BR_IF:
            found.append(Branch(at))
            frame.after.append((found[-1], "not_taken", next_at))
            depth, _ = leb(code, at + 1)
            if depth < len(open_frames) and open_frames[-1 - depth].kind != LOOP:
                open_frames[-1 - depth].leaving.append(found[-1])
        elif kind == ELSE:
            close(frame, at)
            frame.branch.taken = at - skip(code, frame.branch.at + 1, 1)
            frame.otherwise, frame.after = next_at, []
        elif kind == END:
            close(frame, at)
            open_frames.pop()
            if frame.otherwise:
                frame.branch.not_taken = at - frame.otherwise
            elif frame.branch:
                frame.branch.taken = at - skip(code, frame.branch.at + 1, 1)
            if over and open_frames and not frame.branch:
                # What follows is reached by branches alone.
                open_frames[-1].after += [(branch, "taken", next_at) for branch in frame.leaving]
        over = kind in LEAVING
        at = next_at
    return found


def close(frame, end):
    """The rest of a block ends here."""
    for branch, way, begin in frame.after:
        setattr(branch, way, end - begin)


def functions(data, at):
    """The bodies of a code section whose content begins at `at`."""
    count, at = leb(data, at)
    for _ in range(count):
        length, at = leb(data, at)
        yield data[at : at + length]
        at += length


def imported_functions(data, at):
    """How many functions an import section brings."""
    count, at = leb(data, at)
    brought = 0
    for _ in range(count):
        for _ in range(2):
            length, at = leb(data, at)
            at += length
        if data[at] != 0:
            raise SystemExit("only functions are expected among the imports")
        brought += 1
        _, at = leb(data, at + 1)
    return brought


def longer(data, at, end, *more):
    """A section's list with more at its end, and how many there were."""
    count, at = leb(data, at)
    return to_leb(count + len(more)) + data[at:end] + b"".join(more), count


def section(data, wanted):
    """Where the content of the section with this number begins, and where it ends."""
    for number, _, _, at, end in sections(data):
        if number == wanted:
            return at, end
    raise SystemExit(f"the module has no section {wanted}")


def constant(data, at):
    """The number that an `i32.const` expression at `at` gives, and where the next thing begins."""
    if data[at] != 0x41:
        raise SystemExit("only constants are expected to say where things lie in memory")
    # Places in memory are not negative, whatever the sign of their 32 bits.
    value, at = leb(data, at + 1)
    return value & 0xFFFF_FFFF, at + 1


def exported_places(data):
    """`{name: place}` of exported globals, which say where in memory something lies."""
    globals_, found = [], {}
    at, _ = section(data, GLOBALS)
    count, at = leb(data, at)
    for _ in range(count):
        place, at = constant(data, at + 2)
        globals_.append(place)
    at, _ = section(data, EXPORTS)
    count, at = leb(data, at)
    for _ in range(count):
        length, at = leb(data, at)
        name, kind = data[at : at + length].decode(), data[at + length]
        number, at = leb(data, at + length + 1)
        if kind == 3:
            found[name] = globals_[number]
    return found


def memory(data):
    """What memory holds when a module starts, as far as it says so."""
    at, _ = section(data, DATA)
    count, at = leb(data, at)
    held = bytearray()
    for _ in range(count):
        if data[at] != 0:
            raise SystemExit("only data that has its place is expected")
        place, at = constant(data, at + 1)
        length, at = leb(data, at)
        held = held.ljust(place + length, b"\0")
        held[place : place + length] = data[at : at + length]
        at += length
    return bytes(held)
