"""The pages of the dashboard, a module for each thing that they show."""
