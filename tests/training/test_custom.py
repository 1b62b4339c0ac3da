"""Trainers and methods of the user's own: from files, reaching processes that have no such file."""

import subprocess
import sys
from pathlib import Path

import cloudpickle
import pytest

from automix_search.errors import InputError
from automix_search.mixing import AbstractMixer
from automix_search.testing.trainers import TrainerContract
from automix_search.training.base import AbstractTrainer, Assignment
from automix_search.training.custom import load_class, load_trainer
from automix_search.user_code import user_modules

EXAMPLE = Path(__file__).parents[2] / "trainers" / "examples" / "my_loop.py"

TRAINER = """\
from automix_search.training.base import AbstractTrainer
LENGTH = 3

class Mine(AbstractTrainer):
    epochs = LENGTH
    def train(self, assignment):
        for epoch in range(LENGTH):
            yield {"accuracy": epoch / LENGTH}

class Needy(Mine):
    def __init__(self, path):
        self.path = path

class Half(AbstractTrainer):
    pass

class Other:
    pass
"""


class TestExample(TrainerContract):
    @pytest.fixture
    def trainer(self) -> AbstractTrainer:
        return load_trainer(f"{EXAMPLE}:MyTrainer")

    def test_learns(self, trainer: AbstractTrainer) -> None:
        from automix_search.policy import Policy

        *_, last = trainer.train(Assignment(Policy(), seed=0, epochs=trainer.epochs))
        assert last["accuracy"] > 0.9


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "mine.py"
    path.write_text(TRAINER)
    return path


def test_loads_from_a_file(file: Path) -> None:
    trainer = load_trainer(f"{file}:Mine")
    assert trainer.epochs == 3
    assert type(load_trainer(f"{file}:Mine")) is type(trainer)
    assert sys.modules[type(trainer).__module__] in user_modules()
    assert "mine" not in sys.modules


def test_loads_from_an_installed_package() -> None:
    base = AbstractMixer
    assert load_class("automix_search.mixing.pixels.cutmix:CutMix", base).__name__ == "CutMix"


def test_a_changed_file_is_read_again(file: Path) -> None:
    before = load_trainer(f"{file}:Mine")
    file.write_text(TRAINER.replace("LENGTH = 3", "LENGTH = 5"))
    assert (before.epochs, load_trainer(f"{file}:Mine").epochs) == (3, 5)


def test_reaches_a_process_that_has_no_such_file(file: Path, tmp_path: Path) -> None:
    (tmp_path / "sent").write_bytes(cloudpickle.dumps(load_trainer(f"{file}:Mine")))
    file.unlink()
    code = "import cloudpickle, sys; print([*cloudpickle.load(open(sys.argv[1], 'rb')).train(None)][-1])"
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "sent")], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "{'accuracy': 0.6666666666666666}"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("Mines", "unknown name `Mines`; did you mean `Mine`"),
        ("Needy", "Needy must be possible to make without arguments: .*path"),
        ("Half", "Half does not define `train`"),
        ("Other", r"Other is not a class derived from automix_search\.training\.base\.AbstractTrainer"),
        ("LENGTH", "LENGTH is not a class derived from"),
        ("", "must be `file.py:Name` or `package.module:Name`"),
    ],
)
def test_mistakes_in_the_name(file: Path, name: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        load_trainer(f"{file}:{name}")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("import no_such_module", r"mine\.py:16 cannot be loaded: ModuleNotFoundError: .*no_such_module"),
        ("def broken(:", r"mine\.py:16 cannot be loaded: SyntaxError"),
        ("1 / 0", r"mine\.py:16 cannot be loaded: ZeroDivisionError: division by zero"),
    ],
)
def test_mistakes_in_the_file(file: Path, line: str, message: str) -> None:
    file.write_text("\n".join([*TRAINER.splitlines()[:15], line]))
    with pytest.raises(InputError, match=message):
        load_trainer(f"{file}:Mine")


def test_no_such_file_or_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match=r"cannot read nowhere\.py: No such file"):
        load_trainer("nowhere.py:Mine")
    with pytest.raises(InputError, match="cannot import `nowhere`"):
        load_trainer("nowhere:Mine")
    with pytest.raises(InputError, match=r"must be `file\.py:Name`"):
        load_trainer("nowhere.py")
    (tmp_path / "near.py").write_text(TRAINER)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=r"for a file that is not installed, write `near\.py:Name`"):
        load_trainer("near:Mine")
