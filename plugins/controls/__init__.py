"""What control is made of: models that see depth and poses, a pose as it is drawn, networks that steer a base."""
