"""Daily weather ETL: read the station's CSV, convert units, write one summary row per city."""

import csv
import io

from prefect import flow, get_run_logger, task

RAW = """city,day,temp_f,rain_in
Oslo,2024-03-01,33.8,0.10
Oslo,2024-03-02,35.6,0.00
Lima,2024-03-01,75.2,0.00
Lima,2024-03-02,77.0,0.02
"""


@task(retries=2, retry_delay_seconds=0)
def extract():
    return list(csv.DictReader(io.StringIO(RAW)))


@task
def transform(rows):
    return [
        {
            "city": row["city"],
            "day": row["day"],
            "temp_c": round((float(row["temp_f"]) - 32) * 5 / 9, 1),
            "rain_mm": round(float(row["rain_in"]) * 25.4, 1),
        }
        for row in rows
    ]


@task
def summarise(rows):
    summary = {}
    for row in rows:
        city = summary.setdefault(row["city"], {"days": 0, "rain_mm": 0.0, "max_c": -99.0})
        city["days"] += 1
        city["rain_mm"] = round(city["rain_mm"] + row["rain_mm"], 1)
        city["max_c"] = max(city["max_c"], row["temp_c"])
    return summary


@task
def load(summary):
    return [f"{city}: {values['days']} days, {values['rain_mm']} mm" for city, values in sorted(summary.items())]


@flow(name="weather-etl", log_prints=True)
def weather_etl():
    logger = get_run_logger()
    raw = extract()
    logger.info("read %d rows", len(raw))
    clean = transform(raw)
    summary = summarise(clean)
    lines = load(summary)
    for line in lines:
        print(line)
    return lines


if __name__ == "__main__":
    weather_etl()
