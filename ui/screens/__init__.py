"""The screens: one file each, a function `show()` that Streamlit runs."""
