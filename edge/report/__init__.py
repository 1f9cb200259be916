"""A Holter-style report of a recording: measures (pure), charts and page (pure), and its verb's shell."""
