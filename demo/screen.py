"""What the demo writes on: colours and live columns on a terminal, plain labelled lines elsewhere."""

import os
import shutil
import sys
import textwrap
import unicodedata

BOLD, DIM, RED, GREEN, CYAN = "1", "2", "31", "32", "36"


def fill(text, width):
    """The text, with blanks up to a width in terminal cells; an emoji takes two."""
    cells = sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)
    return text + " " * (width - cells)


class Screen:
    """Standard output, and whether it is somebody's terminal."""

    def __init__(self, live):
        self.terminal = sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
        self.colour = self.terminal and "NO_COLOR" not in os.environ
        self.live = live and self.terminal
        self.width = min(shutil.get_terminal_size((100, 24)).columns, 120)

    def paint(self, text, *codes):
        """The text in a colour, where there are colours."""
        return f"\x1b[{';'.join(codes)}m{text}\x1b[0m" if self.colour else text

    def say(self, text="", *codes):
        """A line, wrapped."""
        for line in text.splitlines() or [""]:
            for part in textwrap.wrap(line, self.width - 2) or [""]:
                print(self.paint(part, *codes) if codes else part)
        sys.stdout.flush()

    def heading(self, number, text):
        """The beginning of a scene."""
        self.say()
        self.say(f"{number}. {text}", BOLD, CYAN)

    def code(self, text):
        """Something an operator would type or read."""
        for line in text.strip("\n").splitlines():
            print(self.paint("    " + line, DIM))
        sys.stdout.flush()


class Columns:
    """Two texts that grow side by side; on anything but a terminal, each is written when it is done."""

    def __init__(self, screen, titles):
        self.screen = screen
        self.titles = titles
        self.texts = ["", ""]
        self._drawn = 0

    def update(self, side, text):
        """A text has grown."""
        self.texts[side] = text
        if self.screen.live:
            self._draw()

    def finish(self):
        """Both are complete."""
        if self.screen.terminal:
            self._draw()
            return
        for title, text in zip(self.titles, self.texts, strict=True):
            print(f"  [{title}]")
            for line in self._wrap(text, self.screen.width - 6):
                print(f"    {line}")
        sys.stdout.flush()

    @staticmethod
    def _wrap(text, width):
        return [part for line in text.splitlines() for part in textwrap.wrap(line, width) or [""]]

    def _draw(self):
        width = (self.screen.width - 7) // 2
        left, right = (self._wrap(text, width) for text in self.texts)
        height = max(len(left), len(right), self._drawn - 1)
        if self._drawn:
            sys.stdout.write(f"\x1b[{self._drawn}F")
        titles = [self.screen.paint(fill(title, width), BOLD) for title in self.titles]
        rows = [f"  {titles[0]} │ {titles[1]}"]
        for at in range(height):
            cells = [fill(side[at] if at < len(side) else "", width) for side in (left, right)]
            rows.append(f"  {cells[0]} │ {cells[1]}")
        sys.stdout.write("".join(f"\x1b[2K{row}\n" for row in rows))
        sys.stdout.flush()
        self._drawn = len(rows)
