"""TFLite files: conversion, what is in them, how they run on this machine."""
