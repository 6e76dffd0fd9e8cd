"""Nothing is painted twice under one id: in threads, in processes, after a server was killed."""

import os
import subprocess
import sys
import threading
import time

import pytest

from igo.serving.answers import Answers


def test_an_id_is_answered_once(tmp_path):
    answers, made = Answers(tmp_path), []

    def make(numbers):
        made.extend(numbers)
        return [b"answer %d" % number for number in numbers]

    assert answers.of([("one", b"a"), ("two", b"b"), ("one", b"a")], make) == [b"answer 0", b"answer 1", b"answer 0"]
    assert answers.of([("two", b"b"), ("three", b"c")], make) == [b"answer 1", b"answer 1"]
    assert made == [0, 1, 1]


def test_an_id_of_another_message_is_not_answered(tmp_path):
    answers = Answers(tmp_path)
    assert answers.of([("one", b"a")], lambda numbers: [b"x"]) == [b"x"]
    assert answers.of([("one", b"b")], lambda numbers: [b"y"]) == [None]


def test_what_failed_or_was_half_written_is_made_again(tmp_path):
    answers = Answers(tmp_path)

    def fail(numbers):
        raise MemoryError

    with pytest.raises(MemoryError):
        answers.of([("one", b"a")], fail)
    assert answers.of([("one", b"a")], lambda numbers: [b"x" * 100]) == [b"x" * 100]
    (file,) = tmp_path.iterdir()
    os.truncate(file, 90)
    assert answers.of([("one", b"a")], lambda numbers: [b"y"]) == [b"y"]


def test_old_answers_and_too_many_are_forgotten(tmp_path):
    answers = Answers(tmp_path, seconds=100, max_bytes=500)
    for number in range(6):
        answers.of([(str(number), b"a")], lambda numbers: [b"x" * 100])
        for file in tmp_path.iterdir():
            os.utime(file, (time.time() - 10, file.stat().st_mtime - 10))
    assert len(list(tmp_path.iterdir())) == 3
    for file in tmp_path.iterdir():
        os.utime(file, (0, time.time() - 101))
    assert answers.of([("5", b"a")], lambda numbers: [b"new"]) == [b"new"]
    assert len(list(tmp_path.iterdir())) == 1


def test_batches_that_share_ids_dont_wait_for_each_other(tmp_path):
    made, errors = [], []

    def ask(ids):
        def make(numbers):
            time.sleep(0.02)
            made.extend(ids[number] for number in numbers)
            return [ids[number].encode() for number in numbers]

        if Answers(tmp_path).of([(one, b"") for one in ids], make) != [one.encode() for one in ids]:
            errors.append(ids)

    threads = [
        threading.Thread(target=ask, args=(ids,), daemon=True)
        for ids in (["a", "b", "c"], ["c", "b", "a"], ["b", "c"]) * 2
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert not errors
    assert sorted(made) == ["a", "b", "c"]


def test_processes_share_them(tmp_path):
    code = (
        "import sys, time; from pathlib import Path; from igo.serving.answers import Answers\n"
        "def make(numbers):\n"
        "    print('made'); time.sleep(0.3); return [b'x']\n"
        f"assert Answers(Path({str(tmp_path)!r})).of([('one', b'a')], make) == [b'x']\n"
    )
    running = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    assert sorted(one.communicate(timeout=60)[0] for one in running) == ["", "made\n"]
    assert not any(one.returncode for one in running)
