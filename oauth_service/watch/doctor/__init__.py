"""What may be wrong with a deployment: facts are gathered, pure rules judge them, and each finding says what to do."""
