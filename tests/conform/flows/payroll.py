"""Payroll of a month. Plain classes hold the data, the tasks stay small, several flows share them."""

from dataclasses import dataclass, field

from prefect import flow, task


@dataclass
class Employee:
    name: str
    hourly: float
    hours: list[float] = field(default_factory=list)

    @property
    def gross(self):
        return self.hourly * sum(self.hours)


@dataclass
class Payslip:
    name: str
    gross: float
    tax: float = 0.0

    def net(self):
        return round(self.gross - self.tax, 2)


@task
def load_employees(unit):
    return [Employee("Ann", 30.0, [8, 7.5]), Employee("Bo", 25.0, [8])]


@task
def make_slip(employee):
    return Payslip(employee.name, employee.gross)


@task
def withhold(slip, rate):
    return Payslip(slip.name, slip.gross, tax=round(slip.gross * rate, 2))


@task
def pay(slip):
    return {"to": slip.name, "net": slip.net()}


@task
def send_total(payments):
    return {"total": round(sum(p["net"] for p in payments), 2), "people": len(payments)}


@flow
def preview_payroll(unit: str = "lab"):
    slips = [withhold(make_slip(e), rate=0.3) for e in load_employees(unit)]
    return [slip.net() for slip in slips]


@flow
def run_payroll(unit: str = "lab", rate: float = 0.3):
    employees = load_employees(unit)
    slips = make_slip.map(employees)
    taxed = withhold.map(slips, rate)
    payments = pay.map(taxed).result()
    return send_total(payments)


if __name__ == "__main__":
    preview_payroll()
    run_payroll()
