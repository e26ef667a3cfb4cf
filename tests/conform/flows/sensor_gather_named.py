"""Read sensors concurrently; the coroutines are collected by name before they are awaited."""

import asyncio

from prefect import flow, task


@task
async def read_sensor(name: str, offset: float = 0.0) -> dict:
    await asyncio.sleep(0)
    return {"sensor": name, "value": len(name) + offset}


@task
async def calibrate(reading: dict, factor: float) -> dict:
    return {**reading, "value": round(reading["value"] * factor, 2)}


@task
async def alert(readings: list[dict]) -> list[str]:
    return [r["sensor"] for r in readings if r["value"] > 9]


async def read_and_calibrate(name: str) -> dict:
    reading = await read_sensor(name)
    return await calibrate(reading, factor=1.5)


@flow
async def read_all(room: str = "lab"):
    temperature, humidity, co2 = await asyncio.gather(
        read_and_calibrate(f"{room}-temperature"),
        read_and_calibrate(f"{room}-rh"),
        read_sensor(f"{room}-co2", offset=1.0),
    )
    pending = {r["sensor"]: calibrate(r, 0.5) for r in (temperature, humidity)}
    halves = dict(zip(pending, await asyncio.gather(*pending.values())))
    loud = await alert([temperature, humidity, co2])
    return {"loud": loud, "halves": {k: v["value"] for k, v in halves.items()}}


if __name__ == "__main__":
    asyncio.run(read_all())
