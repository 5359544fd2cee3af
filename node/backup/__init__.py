"""Backups that count: one encrypted file with a signed list, tried before it is believed, and put back with care.

`sealed.py` the encryption in pieces · `manifest.py` what the centre signs about a backup · `making.py` the copy of a
living database · `trial.py` a backup unpacked, opened and examined · `journal.py` what was made and declared safe, kept
beside the database · `placing.py` a backup put in the place of a lost database.
"""
