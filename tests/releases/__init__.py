"""The suite's power against real bugs: it tells the release before a fix from the release with the fix."""
