"""The Anthropic client as it comes: only the environment says where it calls."""

import sys

from anthropic import Anthropic

import anthropic_scenes as scenes
from scenario import tell

tell(**getattr(scenes, sys.argv[1])(Anthropic()))
