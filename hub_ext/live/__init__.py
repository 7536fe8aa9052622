"""The spawn form's live half: its files, what changes while it is open, and the judgement of a choice."""
