"""What ``import ebb`` offers: functions on paths and arrays. Stages and commands do not use it."""
