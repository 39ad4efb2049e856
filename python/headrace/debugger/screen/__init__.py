"""The debugger on a terminal, with Textual. `headrace.debugger.screen.app` has the application."""
