"""Where this project is: what the scripts have in common and no library knows."""

from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
