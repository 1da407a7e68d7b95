"""TFLite files: conversion, inspection, runs on this machine."""
