"""Figures (số liệu): how a number comes about, travels and can be checked.

A definition (`indicators/`) says what is counted, in which unit and how it folds. Nouns and modules give readings out
of their own books; at the end of a period the centre folds them into one state for each indicator, and signs it as a
record for every centre above. What travels is the mergeable state, never the displayed value.

A centre above folds the states that the lowest centres signed, whatever stands between it and them. The total that a
centre in between signs is its own word: it is kept and compared, and never added. Late data is a further revision of
one period; the earlier ones stay, and still verify.

There is no number without its label. `figure.Figure` carries value, coverage, age, status, revision and definition in
one; as long as one expected centre is missing the value is None. Silence is unknown: not zero, and never green.
"""
