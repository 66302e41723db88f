"""Addition in FastAPI: the function runs in the server's own process and loop."""

from fastapi import FastAPI
from pydantic import BaseModel

app = FastAPI()


class Numbers(BaseModel):
    number1: int
    number2: int


class Total(BaseModel):
    number3: int


@app.post("/")
async def add(numbers: Numbers) -> Total:
    return Total(number3=numbers.number1 + numbers.number2)


@app.post("/threaded")
def add_threaded(numbers: Numbers) -> Total:
    return Total(number3=numbers.number1 + numbers.number2)
