"""How well a classifier does: errors, errors under corruption, flips, calibration. NumPy alone;
inputs are arrays of probabilities and labels."""
