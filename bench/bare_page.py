"""The least page that Streamlit can show: one line, no node behind it. Alone: `streamlit run bare_page.py`."""

import streamlit as st

st.write("bare page")
