"""One driver for each kind of serving engine, behind one Protocol (driver.py) and one explicit registry."""
