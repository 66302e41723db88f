"""Addition in BentoML, by its asynchronous API: one worker, no access log, no metrics."""

import bentoml


@bentoml.service(
    workers=1,
    traffic={"timeout": 60},
    logging={"access": {"enabled": False}},
    metrics={"enabled": False},
)
class Addition:
    @bentoml.api(route="/")
    async def add(self, number1: int, number2: int) -> dict[str, int]:
        return {"number3": number1 + number2}
