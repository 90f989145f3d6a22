"""The OpenAI client as it comes: only the environment says where it calls."""

import sys

from openai import OpenAI

import openai_scenes as scenes
from scenario import tell

tell(**getattr(scenes, sys.argv[1])(OpenAI()))
