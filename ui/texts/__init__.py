"""What the screens say: Vietnamese message ids in the code, their English in `en.json`."""
