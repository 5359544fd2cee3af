"""What `python -m streamlit run` is given; it runs this file once for every change that a visitor makes."""

from ui.visit import run

run()
