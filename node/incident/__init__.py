"""An incident, from the commune that opens it to the province that takes it over, and both ends of its journeys.

Two things travel, and they must not be mixed up. *Information* rises by rule: where a kind of incident says so, its
news goes up in the same transaction that opens it, and every centre on the way passes it on. *Duty* moves only by a
person's act: the holder offers, the receiver accepts or declines, and what the receiver wrote down decides. Between the
offer and the answer the giver keeps the duty of care and has lost the right to close; so there is always somebody
responsible and never two who may close. `custody.py` holds these rules as pure functions, with the fencing term that
makes them safe under delay, repetition and a change of mind.

News carries what its author signed. A centre in the middle never retells it: it sends its own record, with the author's
signed record inside, and whoever receives that verifies the author's signature again with the registered key. A text
altered on the way is therefore refused where it arrives, and the refusal names the author whose words were touched.

Each message about an incident is numbered per link, so one that stands behind a refused one is not applied either.

`value.py` the values and limits · `steps.py` who may do what, as a table · `rows.py` the rows, which stay home ·
`act.py` what people do · `custody.py` who answers · `wire.py` the codec · `tell.py` what is sent on ·
`hear.py` what arrives · `reply.py` what is answered without a person ·
`recall.py`, `anew.py` a restore · `view.py` what a screen is told.
"""
