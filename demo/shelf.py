"""The demos' policies. They are files, so that `hemostat check` tries them as it tries those that ship."""

import pathlib

import yaml

FOLDER = pathlib.Path(__file__).resolve().parent / "policies"


def text(name):
    """A policy as it is written."""
    return (FOLDER / f"{name}.yaml").read_text()


def body(name):
    """The same without the lines that name language and version, for a screen."""
    lines = text(name).splitlines()
    return "\n".join(line for line in lines if not line.startswith(("hemostat:", "version:")))


def policy(name, **more):
    """The same as a document, with other fields."""
    return yaml.safe_load(text(name)) | more
