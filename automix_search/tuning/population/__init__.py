"""Population based augmentation: policies change while a population of models trains, and leave a schedule behind."""
