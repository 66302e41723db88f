"""Addition in MLServer, by its V2 protocol."""

from mlserver import MLModel
from mlserver.types import InferenceRequest, InferenceResponse, ResponseOutput


class Addition(MLModel):
    async def load(self) -> bool:
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        number1, number2 = (next(iter(given.data)) for given in payload.inputs)
        total = ResponseOutput(
            name="number3", shape=[1], datatype="INT64", data=[number1 + number2]
        )
        return InferenceResponse(model_name=self.name, outputs=[total])
