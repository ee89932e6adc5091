"""Fields of providers' requests that may hold models or tools, found by walking the types of their SDKs.

A field is named `Type.field`: wherever the type stands in a request, it is one entry.
"""

import inspect
import re
import typing

import botocore.session
from anthropic.types import message_create_params as anthropic_messages
from anthropic.types.beta import message_create_params as anthropic_beta
from google.genai import interactions as gemini_interactions
from google.genai import types as gemini
from openai.types.chat import completion_create_params as openai_chat
from openai.types.responses import response_create_params as openai_responses

# What may name a model or a tool, or a place where they come from. Too much is found rather than too little: what is
# neither says so in the list.
WORDS = re.compile(r"model|tool|function|fallback|mcp|server|connector|skill|plugin|rout(er|ing)|agent|engine", re.I)
# Ids of calls, and keys of caches.
NOT = re.compile(r"tool_?(use|call)_?id$|^prompt_cache|^model_config$", re.I)

BEDROCK = ["Converse", "ConverseStream", "InvokeModel", "InvokeModelWithResponseStream"]


def hits(name: str) -> bool:
    return bool(WORDS.search(name)) and not NOT.search(name)


def parts(annotation) -> list:
    """The plain types that an annotation is made of."""
    # A name for a union stands for it.
    annotation = getattr(annotation, "__value__", annotation)
    arguments = typing.get_args(annotation)
    if not arguments or typing.get_origin(annotation) is typing.Literal:
        return [annotation]
    return [part for argument in arguments for part in parts(argument)]


def of_class(kind) -> dict:
    """The fields of a typed dictionary or a model, with their types."""
    if not inspect.isclass(kind):
        return {}
    if hasattr(kind, "__required_keys__"):
        return typing.get_type_hints(kind)
    return {name: field.annotation for name, field in getattr(kind, "model_fields", {}).items()}


def walk(*roots) -> set[str]:
    """`Type.field` of everything that can be reached."""
    found, seen, left = set(), set(), list(roots)
    while left:
        kind = left.pop()
        if kind in seen:
            continue
        seen.add(kind)
        for name, annotation in of_class(kind).items():
            if hits(name):
                found.add(f"{kind.__name__}.{name}")
            left.extend(part for part in parts(annotation) if inspect.isclass(part))
    return found


def walk_shapes(service: str, operations: list[str]) -> set[str]:
    """The same for a service of AWS."""
    model = botocore.session.get_session().get_service_model(service)
    found, seen = set(), set()
    left = [model.operation_model(operation).input_shape for operation in operations]
    while left:
        shape = left.pop()
        if shape.name in seen:
            continue
        seen.add(shape.name)
        match shape.type_name:
            case "structure":
                for name, member in shape.members.items():
                    if hits(name):
                        found.add(f"{shape.name}.{name}")
                    left.append(member)
            case "list":
                left.append(shape.member)
            case "map":
                left.append(shape.value)
    return found


def all_fields() -> dict[str, set[str]]:
    """By dialect."""
    return {
        "openai-chat": walk(openai_chat.CompletionCreateParamsNonStreaming),
        "openai-responses": walk(openai_responses.ResponseCreateParamsNonStreaming),
        "anthropic": walk(
            anthropic_messages.MessageCreateParamsNonStreaming, anthropic_beta.MessageCreateParamsNonStreaming
        ),
        "gemini": walk(gemini.GenerateContentConfig, gemini.Content, gemini.Tool),
        "gemini-interactions": walk(gemini_interactions.CreateModelInteractionParam),
        "bedrock": walk_shapes("bedrock-runtime", BEDROCK),
    }
