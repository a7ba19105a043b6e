"""Reports: the results as something to look at, in the formats of people and of other tools."""
