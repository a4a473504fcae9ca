"""The one exception that the command line turns into a sentence and exit code 2."""


class InputError(ValueError):
    """Something a user gave is wrong; the message names it, its value and what would be right.

    in_training  whether a training found it: of several processes perhaps one, whereas all plan and so find the same.
    """

    in_training = False
