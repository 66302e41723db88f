"""Addition as a served flow of Prefect: each run in a process of its own, its sum in its state."""

from prefect import flow
from prefect.states import Completed, State


@flow
def add(number1: int, number2: int) -> State:
    return Completed(message=f"sum {number1 + number2}")


if __name__ == "__main__":
    add.serve(name="add")
