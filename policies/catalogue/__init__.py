"""The control catalogue of GB/T 22239-2019 and the check methods of GB/T 28448, as data."""
