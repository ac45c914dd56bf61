"""The field's tests of a model, each computed anew: structure, behaviour, forecast, sectors on their own."""
