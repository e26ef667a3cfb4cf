"""Legacy functions are wrapped as tasks where the flow is put together; nothing is decorated."""

from prefect import flow, task


def read_legacy_report(path):
    return {"path": path, "lines": ["id;sum", "1;20", "2;35"]}


def parse_legacy_report(report):
    header, *lines = report["lines"]
    keys = header.split(";")
    return [dict(zip(keys, line.split(";"))) for line in lines]


def store_sums(rows):
    return {"sum": sum(int(r["sum"]) for r in rows), "rows": len(rows)}


def legacy_import(path: str = "/mnt/reports/march.csv"):
    report = read(path)
    rows = parse(report)
    return store(rows)


read = task(read_legacy_report)
parse = task(parse_legacy_report, name="parse-legacy")
store = task(name="store-sums", retries=2)(store_sums)

import_flow = flow(legacy_import, name="legacy-import")


if __name__ == "__main__":
    import_flow()
