"""Addition in LitServe: one API process, one worker process, the faster of its two queues."""

import sys
from typing import Any

import litserve


class Addition(litserve.LitAPI):
    def setup(self, device: str) -> None:
        pass

    def decode_request(self, request: dict[str, Any]) -> tuple[int, int]:
        return request["number1"], request["number2"]

    def predict(self, numbers: tuple[int, int]) -> int:
        return numbers[0] + numbers[1]

    def encode_response(self, output: int) -> dict[str, int]:
        return {"number3": output}


if __name__ == "__main__":
    server = litserve.LitServer(
        Addition(), accelerator="cpu", workers_per_device=1, timeout=60, fast_queue=True
    )
    server.run(
        host="127.0.0.1",
        port=int(sys.argv[1]),
        log_level="warning",
        access_log=False,
        generate_client_file=False,
    )
