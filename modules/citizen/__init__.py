"""Citizens' field reports (phản ánh hiện trường): intake, receipt, tracking, rating.

A report is kept and its incident opened in one transaction, and only then is it said to be recorded (đã ghi nhận).
Who reported it never leaves this centre: the incident carries what happened and where; the name and the telephone
number stay in `citizen_report` until the retention job removes them. What an anonymous person sends is bounded before
it is parsed (`intake.py`), and a photograph is decoded in a process of its own (`photo.py`, `photo_worker.py`) whose
memory and time are limited; only the copy encoded there is kept.
"""
