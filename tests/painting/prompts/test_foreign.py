"""What other tools act on is named where IGO reads it as words."""

import pytest

import igo
from igo import cli
from igo.painting.prompts.foreign import foreign


@pytest.mark.parametrize(
    ("prompt", "quoted", "instead"),
    [
        ("a <lora:my jacket:0.8> coat", "<lora:my jacket:0.8>", "--adapter my jacket.safetensors:0.8 "),
        ("<LORA:a>", "<LORA:a>", "--adapter a.safetensors "),
        ("<lyco:a:1:0.5>", "<lyco:a:1:0.5>", "--adapter a.safetensors:1 "),
        ("<hypernet:a:1>", "<hypernet:a:1>", "--adapter"),
        ("embedding:mystyle, red", "embedding:mystyle", "--embedding mystyle "),
        ("a {red|blue} coat", "{red|blue}", "write one"),
        ("{2$$red|blue|green} coats", "{2$$red|blue|green}", "write one"),
        ("a {red} coat", "{red}", "(red:1.05)"),
        ("a [red:blue:0.5] coat", "[red:blue:0.5]", "between steps"),
        ("a [red:0.5] coat", "[red:0.5]", "between steps"),
        ("a [red::12] coat", "[red::12]", "between steps"),
        ("a [red|blue] coat", "[red|blue]", "take turns"),
        ("a __colors/warm__ coat", "__colors/warm__", "write the words"),
        ("a red++ coat", "red++", "(red:1.21)"),
        ("a red-- coat", "red--", "(red:0.81)"),
        ("a (red coat)1.3", ")1.3", "(words:1.2)"),
        ("a cat AND a dog", "AND", "is a word"),
    ],
)
def test_what_other_tools_act_on_is_named(prompt, quoted, instead):
    (note,) = foreign(prompt)
    assert note.startswith(f"'{quoted}' is read as words: elsewhere")
    assert instead in f"{note} "


@pytest.mark.parametrize(
    "prompt",
    [
        "a (red:1.3) [hat], ((coat)), BREAK, [[x]] (a: 1.2 )",
        r"\{a|b\} \[a\|b\] \[a:b:0.5\] <3",
        "t-shirt -- red, well-made, a--b",
        "snake_case_name, a AND, 4k, f/1.8, 3:4",
        "[a, b (c:1.2)]",
        "",
    ],
)
def test_what_igo_reads_itself_is_not(prompt):
    assert foreign(prompt) == ()


def test_each_is_said_once_and_briefly():
    (note,) = foreign("<lora:a:1> <lora:a:1>")
    (long,) = foreign("{" + "red|" * 1000 + "}")
    assert len(note) < 200
    assert len(long) < 200


def test_the_record_and_the_command_line_say_it(tiny_checkpoint, capsys):
    chain = igo.Chain(igo.TextToImage(str(tiny_checkpoint)))
    asked = {"width": 32, "height": 32, "num_inference_steps": 1, "seed": 1}
    report = chain.run("a <lora:x:0.5> coat", negative_prompt="{a|b}", **asked)[0].history[0].report
    assert "--adapter x.safetensors:0.5" in report["note"]
    assert "drawn at random" in report["note"]
    assert "note" not in chain.run("a (red:1.2) coat", **asked)[0].history[0].report
    assert cli.run_command(["prompt", "a <lora:x:0.5> coat, [a|b]", "--preset", "none"]) == 0
    said = capsys.readouterr().err
    assert "igo: '<lora:x:0.5>' is read as words" in said
    assert "igo: '[a|b]' is read as words" in said
